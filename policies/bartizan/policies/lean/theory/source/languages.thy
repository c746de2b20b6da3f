-- Regular languages: the matcher by derivatives is exact, and a closed set of derivatives shows a language empty.

structure Range : Type := (low : Nat) (high : Nat)

inductive Regex : Type
| empty
| epsilon
| chars (ranges : List Range)
| concat (r : Regex) (s : Regex)
| union (r : Regex) (s : Regex)
| inter (r : Regex) (s : Regex)
| compl (r : Regex)
| star (r : Regex)

def inRanges (c : Nat) (ranges : List Range) : Bool :=
  match ranges with
  | nil => Bool.false
  | cons range t rest => (Nat.ble range.low c && Nat.ble c range.high) || rest

def nullable (r : Regex) : Bool :=
  match r with
  | empty => Bool.false
  | epsilon => Bool.true
  | chars ranges => Bool.false
  | concat r s f g => f && g
  | union r s f g => f || g
  | inter r s f g => f && g
  | compl r f => not f
  | star r f => Bool.true

def deriv (c : Nat) (r : Regex) : Regex :=
  match r with
  | empty => Regex.empty
  | epsilon => Regex.empty
  | chars ranges => cond (inRanges c ranges) Regex.epsilon Regex.empty
  | concat r s f g => cond (nullable r) (Regex.union (Regex.concat f s) g) (Regex.concat f s)
  | union r s f g => Regex.union f g
  | inter r s f g => Regex.inter f g
  | compl r f => Regex.compl f
  | star r f => Regex.concat f (Regex.star r)

def accepts (r : Regex) (word : List Nat) : Bool :=
  ((match word with | nil => fun r => nullable r | cons c t ih => fun r => ih (deriv c r)) : Regex → Bool) r

-- Finitely many words of a language, one after another.
inductive Repeated (language : List Nat → Prop) : List Nat → Prop
| none : Repeated language []
| more (u : List Nat) (v : List Nat) (h : language u) (t : Repeated language v) : Repeated language (List.append u v)

-- The language of an expression, as its definition says.
def denotes (r : Regex) : List Nat → Prop :=
  match r with
  | empty => fun word => False
  | epsilon => fun word => word = []
  | chars ranges => fun word => ∃ c, word = [c] ∧ inRanges c ranges = Bool.true
  | concat r s f g => fun word => ∃ u, ∃ v, word = List.append u v ∧ (f u ∧ g v)
  | union r s f g => fun word => f word ∨ g word
  | inter r s f g => fun word => f word ∧ g word
  | compl r f => fun word => ¬ f word
  | star r f => Repeated f

theorem iff_trans {a : Prop} {b : Prop} {c : Prop} (h : a ↔ b) (k : b ↔ c) : a ↔ c :=
  Iff.intro (fun x => k.mp (h.mp x)) (fun x => h.mpr (k.mpr x))

theorem append_nil_inv (u : List Nat) (v : List Nat) : List.append u v = [] → u = [] ∧ v = [] :=
  match u with
  | nil => fun h => And.intro rfl h
  | cons c u => fun h => (have bad : (c :: List.append u v) = [] := h; auto)

theorem head_inj (c : Nat) (d : Nat) (u : List Nat) (v : List Nat) (h : (c :: u) = (d :: v)) : c = d :=
  congrArg (fun (x : List Nat) => match x with | nil => c | cons a t => a) h
theorem tail_inj (c : Nat) (d : Nat) (u : List Nat) (v : List Nat) (h : (c :: u) = (d :: v)) : u = v :=
  congrArg (fun (x : List Nat) => match x with | nil => u | cons a t => t) h

theorem append_cons_inv (c : Nat) (w : List Nat) (u : List Nat) (v : List Nat) : List.append u v = (c :: w) →
    (u = [] ∧ v = (c :: w)) ∨ (∃ rest, u = (c :: rest) ∧ w = List.append rest v) :=
  match u with
  | nil => fun h => Or.inl (And.intro rfl h)
  | cons d rest => fun h => Or.inr (Exists.intro rest (And.intro
      (rw [head_inj d c (List.append rest v) w h]; rfl) (Eq.symm (tail_inj d c (List.append rest v) w h))))

theorem nullable_exact (r : Regex) : nullable r = Bool.true ↔ denotes r [] :=
  match r with
  | empty => Iff.intro (fun h => auto) (fun h => match h with)
  | epsilon => Iff.intro (fun h => rfl) (fun h => rfl)
  | chars ranges => Iff.intro (fun h => auto)
      (fun h => match h with | intro c p => (have bad : [] = [c] := p.left; auto))
  | concat r s f g => Iff.intro
      (fun h => Exists.intro [] (Exists.intro [] (And.intro rfl (And.intro (f.mp (and_left h)) (g.mp (and_right h))))))
      (fun h => match h with
        | intro u p => (match p with
          | intro v q =>
            (have parts : u = [] ∧ v = [] := append_nil_inv u v (Eq.symm q.left);
              have left : denotes r [] := (rw [← parts.left]; q.right.left);
              have right : denotes s [] := (rw [← parts.right]; q.right.right);
              and_intro (f.mpr left) (g.mpr right))))
  | union r s f g => Iff.intro
      (fun h => Or.elim (or_elim h) (fun x => Or.inl (f.mp x)) (fun x => Or.inr (g.mp x)))
      (fun h => match h with | inl x => or_inl (f.mpr x) | inr x => or_inr (g.mpr x))
  | inter r s f g => Iff.intro
      (fun h => And.intro (f.mp (and_left h)) (g.mp (and_right h)))
      (fun h => match h with | intro x y => and_intro (f.mpr x) (g.mpr y))
  | compl r f => Iff.intro
      (fun h inside => not_true (f.mpr inside) (of_not h))
      (fun h => to_not (false_of_not (fun yes => h (f.mp yes))))
  | star r f => Iff.intro (fun h => @Repeated.none (denotes r)) (fun h => rfl)

theorem repeated_cons (language : List Nat → Prop) (c : Nat) (word : List Nat) (h : Repeated language word) :
    ∀ (w : List Nat), word = (c :: w) → ∃ u, ∃ v, w = List.append u v ∧ (language (c :: u) ∧ Repeated language v) :=
  @Repeated.rec language
    (fun word _ => ∀ (w : List Nat), word = (c :: w) →
      ∃ u, ∃ v, w = List.append u v ∧ (language (c :: u) ∧ Repeated language v))
    (fun w e => auto)
    (fun u v first rest ih w e => Or.elim (append_cons_inv c w u v e)
      (fun empty => ih w empty.right)
      (fun split => match split with
        | intro tail p => Exists.intro tail (Exists.intro v (And.intro p.right (And.intro (rw [← p.left]; first) rest)))))
    word h

theorem deriv_chars (c : Nat) (ranges : List Range) (w : List Nat) :
    denotes (cond (inRanges c ranges) Regex.epsilon Regex.empty) w ↔ denotes (Regex.chars ranges) (c :: w) :=
  match e : inRanges c ranges with
  | false => Iff.intro (fun h => match h with)
      (fun h => match h with
        | intro d p => (have same : c = d := head_inj c d w [] p.left;
            have yes : inRanges c ranges = Bool.true := (rw [same]; p.right);
            match not_true yes e with))
  | true => Iff.intro
      (fun h => (have nothing : w = [] := h; Exists.intro c (And.intro (rw [nothing]; rfl) e)))
      (fun h => match h with | intro d p => tail_inj c d w [] p.left)

-- What follows `c` in a concatenation.
def Split (c : Nat) (r : Regex) (s : Regex) (w : List Nat) : Prop :=
  denotes (Regex.concat (deriv c r) s) w ∨ (nullable r = Bool.true ∧ denotes (deriv c s) w)

theorem deriv_concat (c : Nat) (r : Regex) (s : Regex) (w : List Nat)
    (f : ∀ (w : List Nat), denotes (deriv c r) w ↔ denotes r (c :: w))
    (g : ∀ (w : List Nat), denotes (deriv c s) w ↔ denotes s (c :: w)) :
    Split c r s w ↔ denotes (Regex.concat r s) (c :: w) :=
  Iff.intro
    (fun h => match h with
      | inl x => (match x with
        | intro u p => (match p with
          | intro v q => Exists.intro (c :: u) (Exists.intro v (And.intro (congrArg (List.cons c) q.left)
              (And.intro ((f u).mp q.right.left) q.right.right)))))
      | inr x => Exists.intro [] (Exists.intro (c :: w) (And.intro rfl
          (And.intro ((nullable_exact r).mp x.left) ((g w).mp x.right)))))
    (fun h => match h with
      | intro u p => (match p with
        | intro v q => Or.elim (append_cons_inv c w u v (Eq.symm q.left))
          (fun empty =>
            have left : denotes r [] := (rw [← empty.left]; q.right.left);
            have right : denotes s (c :: w) := (rw [← empty.right]; q.right.right);
            Or.inr (And.intro ((nullable_exact r).mpr left) ((g w).mpr right)))
          (fun tail => match tail with
            | intro rest t =>
              (have left : denotes r (c :: rest) := (rw [← t.left]; q.right.left);
                Or.inl (Exists.intro rest (Exists.intro v
                  (And.intro t.right (And.intro ((f rest).mpr left) q.right.right))))))))

theorem split_deriv (c : Nat) (r : Regex) (s : Regex) (w : List Nat) :
    denotes (cond (nullable r) (Regex.union (Regex.concat (deriv c r) s) (deriv c s)) (Regex.concat (deriv c r) s)) w ↔
    Split c r s w :=
  match e : nullable r with
  | false => Iff.intro (fun h => Or.inl h)
      (fun h => match h with | inl x => x | inr x => (match not_true x.left e with))
  | true => Iff.intro
      (fun h => match h with | inl x => Or.inl x | inr x => Or.inr (And.intro e x))
      (fun h => match h with | inl x => Or.inl x | inr x => Or.inr x.right)

theorem deriv_exact (c : Nat) (r : Regex) : ∀ (w : List Nat), denotes (deriv c r) w ↔ denotes r (c :: w) :=
  match r with
  | empty => fun w => Iff.intro (fun h => h) (fun h => h)
  | epsilon => fun w => Iff.intro (fun h => match h with) (fun h => (have bad : (c :: w) = [] := h; auto))
  | chars ranges => fun w => deriv_chars c ranges w
  | concat r s f g => fun w => iff_trans (split_deriv c r s w) (deriv_concat c r s w f g)
  | union r s f g => fun w => Iff.intro
      (fun h => match h with | inl x => Or.inl ((f w).mp x) | inr x => Or.inr ((g w).mp x))
      (fun h => match h with | inl x => Or.inl ((f w).mpr x) | inr x => Or.inr ((g w).mpr x))
  | inter r s f g => fun w => Iff.intro
      (fun h => match h with | intro x y => And.intro ((f w).mp x) ((g w).mp y))
      (fun h => match h with | intro x y => And.intro ((f w).mpr x) ((g w).mpr y))
  | compl r f => fun w => Iff.intro (fun h inside => h ((f w).mpr inside)) (fun h inside => h ((f w).mp inside))
  | star r f => fun w => Iff.intro
      (fun h => match h with
        | intro u p => (match p with
          | intro v q =>
            (show Repeated (denotes r) (c :: w);
              rw [q.left];
              @Repeated.more (denotes r) (c :: u) v ((f u).mp q.right.left) q.right.right)))
      (fun h => match repeated_cons (denotes r) c (c :: w) h w rfl with
        | intro u p => (match p with
          | intro v q => Exists.intro u (Exists.intro v
              (And.intro q.left (And.intro ((f u).mpr q.right.left) q.right.right)))))

theorem accepts_exact (word : List Nat) : ∀ (r : Regex), accepts r word = Bool.true ↔ denotes r word :=
  match word with
  | nil => fun r => nullable_exact r
  | cons c w ih => fun r => iff_trans (ih (deriv c r)) (deriv_exact c r w)

theorem closed_set_is_empty (inside : Regex → Prop) (dead : ∀ (r : Regex), inside r → nullable r = Bool.false)
    (closed : ∀ (r : Regex), inside r → ∀ (c : Nat), ∃ s, inside s ∧ ∀ (w : List Nat), accepts s w = accepts (deriv c r) w)
    (word : List Nat) : ∀ (r : Regex), inside r → accepts r word = Bool.false :=
  match word with
  | nil => fun r h => dead r h
  | cons c w ih => fun r h => (match closed r h c with
    | intro s p => (show accepts (deriv c r) w = Bool.false; rw [← p.right w]; ih s p.left))
