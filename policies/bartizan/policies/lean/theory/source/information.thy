-- Losing information never allows.

-- What has a value in a has it in b.
def Less {α : Type} (a : Option α) (b : Option α) : Prop := a = Option.none ∨ a = b

theorem less_of {α : Type} {a : Option α} {b : Option α} (h : ∀ x, a = Option.some x → b = Option.some x) : Less a b :=
  match a with | none => Or.inl rfl | some x => Or.inr (Eq.symm (h x rfl))

theorem less_some {α : Type} {a : Option α} {b : Option α} {x : α} (h : Less a b) (k : a = Option.some x) :
    b = Option.some x :=
  match h with
  | inl none => (have bad : Option.none = Option.some x := Eq.trans (Eq.symm none) k; auto)
  | inr same => rw [← same]; k

theorem not3_less {a : Option Bool} {b : Option Bool} (h : Less a b) : Less (not3 a) (not3 b) :=
  match h with | inl x => Or.inl (rw [x]; rfl) | inr x => Or.inr (rw [x]; rfl)

theorem and3_less {a : Option Bool} {b : Option Bool} {c : Option Bool} {d : Option Bool} (h : Less a b) (k : Less c d) :
    Less (and3 a c) (and3 b d) :=
  match h with
  | inl x => (match k with
    | inl y => Or.inl (rw [x, y]; rfl)
    | inr y => rw [x, ← y]; auto [c, b])
  | inr x => (match k with
    | inl y => rw [← x, y]; auto [a, d]
    | inr y => Or.inr (rw [x, y]; rfl))

theorem or3_less {a : Option Bool} {b : Option Bool} {c : Option Bool} {d : Option Bool} (h : Less a b) (k : Less c d) :
    Less (or3 a c) (or3 b d) :=
  match h with
  | inl x => (match k with
    | inl y => Or.inl (rw [x, y]; rfl)
    | inr y => rw [x, ← y]; auto [c, b])
  | inr x => (match k with
    | inl y => rw [← x, y]; auto [a, d]
    | inr y => Or.inr (rw [x, y]; rfl))

theorem ite3_less {a : Option Bool} {b : Option Bool} {c : Option Bool} {d : Option Bool} {e : Option Bool} {f : Option Bool}
    (h : Less a b) (k : Less c d) (l : Less e f) : Less (ite3 a c e) (ite3 b d f) :=
  match h with
  | inl x => Or.inl (rw [x]; rfl)
  | inr x => rw [← x]; (match a with
    | none => Or.inl rfl
    | some v => (match v with | true => k | false => l))

theorem lift1_less {α : Type} {β : Type} (f : α → β) {a : Option α} {b : Option α} (h : Less a b) :
    Less (lift1 f a) (lift1 f b) :=
  match h with | inl x => Or.inl (rw [x]; rfl) | inr x => Or.inr (rw [x]; rfl)

theorem lift2_less {α : Type} {β : Type} {γ : Type} (f : α → β → γ) {a : Option α} {b : Option α} {c : Option β}
    {d : Option β} (h : Less a b) (k : Less c d) : Less (lift2 f a c) (lift2 f b d) :=
  match h with
  | inl x => Or.inl (rw [x]; rfl)
  | inr x => (match k with
    | inl y => rw [y]; (match a with | none => Or.inl rfl | some v => Or.inl rfl)
    | inr y => Or.inr (rw [x, y]; rfl))

def Below (less : Env) (more : Env) : Prop :=
  (∀ (i : Nat) (b : Bool), less.atoms i = Option.some b → more.atoms i = Option.some b) ∧
  (∀ (i : Nat) (n : Int), less.nums i = Option.some n → more.nums i = Option.some n)

theorem num_less (n : Num) (less : Env) (more : Env) (h : Below less more) : Less (Num.eval n less) (Num.eval n more) :=
  match n with
  | lit n => Or.inr rfl
  | var i => lift1_less Diff.ofInt (less_of (h.right i))
  | add a b l r => lift2_less Diff.add l r
  | scale k a v => lift1_less (Diff.scale k) v

theorem expr_less (e : Expr) (less : Env) (more : Env) (h : Below less more) : Less (Expr.eval e less) (Expr.eval e more) :=
  match e with
  | lit b => Or.inr rfl
  | atom i => less_of (h.left i)
  | not a v => not3_less v
  | and a b l r => and3_less l r
  | or a b l r => or3_less l r
  | ite c a b t l r => ite3_less t l r
  | cmp op a b => lift2_less (Cmp.test op) (num_less a less more h) (num_less b less more h)
  | among a items => lift1_less (Diff.among items) (num_less a less more h)

theorem eval_monotone (e : Expr) (less : Env) (more : Env) (b : Bool) : Below less more →
    Expr.eval e less = Option.some b → Expr.eval e more = Option.some b :=
  fun h known => less_some (expr_less e less more h) known

theorem permit_less {effect : Effect} {m : Bool} {n : Bool} {a : Option Bool} {b : Option Bool} (h : Less a b) :
    votes effect m a = Vote.permit → votes effect n b = Vote.permit :=
  match h with
  | inl x => rw [x]; auto [effect, m]
  | inr x => rw [← x]; auto [effect, a, m]

theorem against_less {effect : Effect} {m : Bool} {n : Bool} {a : Option Bool} {b : Option Bool} (v : Vote)
    (other : v = Vote.silent → False) (third : v = Vote.permit → False) (h : Less a b) : votes effect n b = v →
    votes effect m a = Vote.deny ∨ votes effect m a = Vote.ask :=
  match effect with
  | allow => (match b with
    | none => fun x => absurd (Eq.symm x) other
    | some y => (match y with | true => fun x => absurd (Eq.symm x) third | false => fun x => absurd (Eq.symm x) other))
  | deny => (match h with
    | inl x => rw [x]; auto [m]
    | inr x => rw [x]; (match b with
      | none => auto [m]
      | some y => (match y with | true => fun x => Or.inl rfl | false => fun x => absurd (Eq.symm x) other)))
  | escalate => (match h with
    | inl x => rw [x]; fun y => Or.inr rfl
    | inr x => rw [x]; (match b with
      | none => fun x => Or.inr rfl
      | some y => (match y with | true => fun x => Or.inr rfl | false => fun x => absurd (Eq.symm x) other)))
  | redact => fun x => absurd (Eq.symm x) other
  | label => fun x => absurd (Eq.symm x) other

theorem vote_permit_less {tool : Text} {less : Env} {more : Env} (r : Rule) (h : Below less more) :
    vote tool less r = Vote.permit → vote tool more r = Vote.permit :=
  match e : r.applies tool with
  | false => (show cond (r.applies tool) (votes r.effect (r.missing less) (Expr.eval r.cond less)) Vote.silent = Vote.permit →
      vote tool more r = Vote.permit; rw [e]; auto)
  | true => (show cond (r.applies tool) (votes r.effect (r.missing less) (Expr.eval r.cond less)) Vote.silent = Vote.permit →
      cond (r.applies tool) (votes r.effect (r.missing more) (Expr.eval r.cond more)) Vote.silent = Vote.permit;
      rw [e]; permit_less (expr_less r.cond less more h))

theorem vote_against_less {tool : Text} {less : Env} {more : Env} (r : Rule) (v : Vote)
    (other : v = Vote.silent → False) (third : v = Vote.permit → False) (h : Below less more) :
    vote tool more r = v → vote tool less r = Vote.deny ∨ vote tool less r = Vote.ask :=
  match e : r.applies tool with
  | false => (show cond (r.applies tool) (votes r.effect (r.missing more) (Expr.eval r.cond more)) Vote.silent = v →
      vote tool less r = Vote.deny ∨ vote tool less r = Vote.ask;
      rw [e]; fun silent => match other (Eq.symm silent) with)
  | true => (show cond (r.applies tool) (votes r.effect (r.missing more) (Expr.eval r.cond more)) Vote.silent = v →
      cond (r.applies tool) (votes r.effect (r.missing less) (Expr.eval r.cond less)) Vote.silent = Vote.deny ∨
      cond (r.applies tool) (votes r.effect (r.missing less) (Expr.eval r.cond less)) Vote.silent = Vote.ask;
      rw [e]; against_less v other third (expr_less r.cond less more h))

theorem info_monotone (p : Policy) (tool : Text) (less : Env) (more : Env) : Below less more →
    decide p tool less = Outcome.allow → decide p tool more = Outcome.allow :=
  fun h allowed =>
    have known : voted Vote.deny tool less p.rules = Bool.false ∧
        (voted Vote.ask tool less p.rules = Bool.false ∧ voted Vote.permit tool less p.rules = Bool.true) :=
      outcome_allow allowed;
    have never : ∀ (v : Vote), (v = Vote.silent → False) → (v = Vote.permit → False) →
        voted v tool more p.rules = Bool.false :=
      (fun v other third => none_voted (fun r inside same =>
        Or.elim (vote_against_less r v other third h same)
          (fun x => not_voted known.left r inside x)
          (fun x => not_voted known.right.left r inside x)));
    have permitted : voted Vote.permit tool more p.rules = Bool.true :=
      (match of_voted known.right.right with
      | intro r both => voted_of both.left (vote_permit_less r h both.right));
    show outcome (voted Vote.deny tool more p.rules) (voted Vote.ask tool more p.rules) (voted Vote.permit tool more p.rules)
      = Outcome.allow;
    rw [never Vote.deny (fun x => auto) (fun x => auto), never Vote.ask (fun x => auto) (fun x => auto), permitted]; rfl

-- The index by tool.

def Policy.slice (tool : Text) (p : Policy) : Policy :=
  Policy.mk p.header p.leaves (List.filter (fun r => Text.beq r.tool tool) p.rules)

theorem any_filter {α : Type} (k : α → Bool) (q : α → Bool) (l : List α) (h : ∀ x, q x = Bool.true → k x = Bool.true) :
    List.any (List.filter k l) q = List.any l q :=
  match l with
  | nil => rfl
  | cons a t ih =>
    (show List.any (cond (k a) (a :: List.filter k t) (List.filter k t)) q = or (q a) (List.any t q);
    match e : k a with
    | true => rw [← ih]; rfl
    | false => (have no : q a = Bool.false := false_of_not (fun yes => not_true (h a yes) e); rw [no, ← ih]; rfl))

theorem index_slice_sound (p : Policy) (tool : Text) (env : Env) : decide (Policy.slice tool p) tool env = decide p tool env :=
  have counted : ∀ (v : Vote), (v = Vote.silent → False) →
      voted v tool env (List.filter (fun r => Text.beq r.tool tool) p.rules) = voted v tool env p.rules :=
    (fun v other => any_filter (fun r => Text.beq r.tool tool) (fun r => Vote.beq v (vote tool env r)) p.rules
      (fun r votes_so =>
        have claim : ∀ (s : Bool) (t : Bool) (x : Vote), Vote.beq v (cond (and (not s) t) x Vote.silent) = Bool.true →
            t = Bool.true := (fun s t x => match t with | true => fun h => rfl | false => auto [s, v]);
        claim r.shadow (Text.beq r.tool tool) (votes r.effect (r.missing env) (Expr.eval r.cond env)) votes_so));
  show outcome (voted Vote.deny tool env (List.filter (fun r => Text.beq r.tool tool) p.rules))
      (voted Vote.ask tool env (List.filter (fun r => Text.beq r.tool tool) p.rules))
      (voted Vote.permit tool env (List.filter (fun r => Text.beq r.tool tool) p.rules)) = decide p tool env;
  rw [counted Vote.deny (fun x => auto), counted Vote.ask (fun x => auto), counted Vote.permit (fun x => auto)]; rfl

-- The gate: whoever proposes an edit of a call, only one leaves that is permitted and allowed.

structure Call : Type := (tool : Text) (env : Env)

def allows (p : Policy) (c : Call) : Bool := Outcome.isAllow (decide p c.tool c.env)

def first {α : Type} (q : α → Bool) (l : List α) : Option α :=
  match l with | nil => Option.none | cons a t ih => cond (q a) (Option.some a) ih

def gate (p : Policy) (permits : Call → Call → Bool) (call : Call) (proposals : List Call) : Option Call :=
  cond (allows p call) (Option.some call) (first (fun c => permits call c && allows p c) proposals)

theorem some_inj {α : Type} {a : α} {b : α} (h : Option.some a = Option.some b) : a = b :=
  congrArg (fun (x : Option α) => match x with | none => a | some y => y) h

theorem first_sound {α : Type} (q : α → Bool) (l : List α) (c : α) : first q l = Option.some c → q c = Bool.true :=
  match l with
  | nil => fun h => auto
  | cons a t ih =>
    (show cond (q a) (Option.some a) (first q t) = Option.some c → q c = Bool.true;
    match e : q a with
    | true => fun h => (have same : a = c := some_inj h; rw [← same]; e)
    | false => ih)

theorem gate_sound (p : Policy) (permits : Call → Call → Bool) (call : Call) (proposals : List Call) (c : Call) :
    gate p permits call proposals = Option.some c → allows p c = Bool.true ∧ (c = call ∨ permits call c = Bool.true) :=
  show cond (allows p call) (Option.some call) (first (fun c => permits call c && allows p c) proposals) = Option.some c →
    allows p c = Bool.true ∧ (c = call ∨ permits call c = Bool.true);
  match e : allows p call with
  | true => fun h => (have same : call = c := some_inj h; And.intro (rw [← same]; e) (Or.inl (Eq.symm same)))
  | false => fun h => (have both : and (permits call c) (allows p c) = Bool.true :=
      first_sound (fun c => permits call c && allows p c) proposals c h;
      And.intro (and_right both) (Or.inr (and_left both)))

theorem gate_transparent (p : Policy) (permits : Call → Call → Bool) (call : Call) (proposals : List Call) :
    allows p call = Bool.true → gate p permits call proposals = Option.some call :=
  fun h => show cond (allows p call) (Option.some call) (first (fun c => permits call c && allows p c) proposals) = Option.some call;
    rw [h]; rfl
