import Spec.Budget
import Thm.Certificate
import Thm.Registers

/-!
# A limit that every call keeps is kept by every session
-/

namespace Bartizan

theorem mem_cons {α : Type} {a b : α} {l : List α} (h : List.Mem a (b :: l)) : a = b ∨ List.Mem a l := by
  cases h with
  | head _ => exact Or.inl rfl
  | tail _ inside => exact Or.inr inside

theorem or3_true (a : Option Bool) : or3 a (some true) = some true := by
  rcases a with _ | (_ | _) <;> rfl

theorem same3_eq (a b : Option Bool) : same3 a b = true → a = b := by
  intro h
  rcases a with _ | (_ | _) <;> rcases b with _ | (_ | _) <;>
    first
      | rfl
      | cases h

theorem respects_more (hyps : List Clause) (condition : Expr) (env : Env) (r : Respects hyps env)
    (h : same3 (Expr.eval condition env) (some true) = false) : Respects (onlyTrue condition :: hyps) env := by
  intro c inside
  cases mem_cons inside with
  | inl same =>
    rw [same]
    show (same3 (Expr.eval condition env) (some true) && true) = false
    rw [h] <;> rfl
  | inr later => exact r c later

theorem always_sound (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (condition : Expr) (t : Tree) :
    check p (onlyTrue condition :: hyps) tool allowed false (Expr.or condition (Expr.lit true)) t = true →
      Always p hyps tool allowed condition := by
  intro yes env r k goes
  cases value : same3 (Expr.eval condition env) (some true) with
  | true => exact same3_eq (Expr.eval condition env) (some true) value
  | false =>
    exact absurd (or3_true (Expr.eval condition env))
      (check_sound p (onlyTrue condition :: hyps) tool allowed false (Expr.or condition (Expr.lit true)) t yes env
        (respects_more hyps condition env r value) k (Or.inr goes))

/-! ## The order of differences -/

theorem atMost_cancel (a b c : Nat) : AtMost (Nat.add a c) (Nat.add b c) → AtMost a b :=
  fun h => atMost_of_le (Nat.le_of_add_le_add_right (le_of_atMost h))

theorem diff_le (a b : Diff) (h : Diff.le a b = true) : AtMost (Nat.add a.pos b.neg) (Nat.add b.pos a.neg) :=
  ble_true (Nat.add a.pos b.neg) (Nat.add b.pos a.neg) h

theorem le_diff (a b : Diff) (h : AtMost (Nat.add a.pos b.neg) (Nat.add b.pos a.neg)) : Diff.le a b = true :=
  ble_of (Nat.add a.pos b.neg) (Nat.add b.pos a.neg) h

theorem diff_refl (a : Diff) : Diff.le a a = true :=
  le_diff a a (atMost_refl (Nat.add a.pos a.neg))

theorem diff_trans (a b c : Diff) (h : Diff.le a b = true) (k : Diff.le b c = true) : Diff.le a c = true := by
  have sum : AtMost (Nat.add (Nat.add a.pos b.neg) (Nat.add c.neg b.pos))
      (Nat.add (Nat.add b.pos a.neg) (Nat.add b.neg c.pos)) := by
    rw [add_comm c.neg b.pos, add_comm b.neg c.pos]
    exact atMost_add (diff_le a b h) (diff_le b c k)
  have left : Nat.add (Nat.add a.pos c.neg) (Nat.add b.neg b.pos) =
      Nat.add (Nat.add a.pos b.neg) (Nat.add c.neg b.pos) := add_swap a.pos c.neg b.neg b.pos
  have right : Nat.add (Nat.add c.pos a.neg) (Nat.add b.neg b.pos) =
      Nat.add (Nat.add b.pos a.neg) (Nat.add b.neg c.pos) := by
    rw [add_comm c.pos a.neg, add_comm b.neg b.pos, add_swap a.neg c.pos b.pos b.neg, add_comm a.neg b.pos,
      add_comm c.pos b.neg]
  refine le_diff a c (atMost_cancel (Nat.add a.pos c.neg) (Nat.add c.pos a.neg) (Nat.add b.neg b.pos) ?_)
  rw [left, right]
  exact sum

theorem diff_add (a b c d : Diff) (h : Diff.le a b = true) (k : Diff.le c d = true) :
    Diff.le (Diff.add a c) (Diff.add b d) = true := by
  refine le_diff (Diff.add a c) (Diff.add b d) ?_
  show AtMost (Nat.add (Nat.add a.pos c.pos) (Nat.add b.neg d.neg))
    (Nat.add (Nat.add b.pos d.pos) (Nat.add a.neg c.neg))
  rw [add_swap a.pos c.pos b.neg d.neg, add_swap b.pos d.pos a.neg c.neg]
  exact atMost_add (diff_le a b h) (diff_le c d k)

theorem diff_more (a b : Diff) (h : Diff.le (Diff.mk 0 0) b = true) : Diff.le a (Diff.add a b) = true := by
  have sum := diff_add a a (Diff.mk 0 0) b (diff_refl a) h
  exact sum

/-! ## What the two conditions say -/

theorem positive_sound (amount : Num) (s : Step) (h : Expr.eval (positive amount) s.env = some true) :
    Diff.le (Diff.mk 0 0) (spentAt amount s) = true := by
  obtain ⟨x, ex, y, ey, test⟩ :=
    lift2_some (Cmp.test Cmp.le) (Num.eval (Num.lit (Int.ofNat 0)) s.env) (Num.eval amount s.env) true h
  have zero : Diff.mk 0 0 = x := Option.some.inj (show some (Diff.mk 0 0) = some x from ex)
  show Diff.le (Diff.mk 0 0) (Num.total amount (valuation s.env)) = true
  rw [total_eval amount s.env y ey, zero]
  exact test

theorem bounded_sound (amount : Num) (total : Nat) (most : Int) (s : Step)
    (h : Expr.eval (bounded amount total most) s.env = some true) :
    ∃ n, s.env.nums total = some n ∧
      Diff.le (Diff.add (Diff.ofInt n) (spentAt amount s)) (Diff.ofInt most) = true := by
  obtain ⟨x, ex, y, ey, test⟩ := lift2_some (Cmp.test Cmp.le) (Num.eval (Num.add (Num.var total) amount) s.env)
    (Num.eval (Num.lit most) s.env) true h
  obtain ⟨a, ea, b, eb, sum⟩ := lift2_some Diff.add (Num.eval (Num.var total) s.env) (Num.eval amount s.env) x ex
  obtain ⟨n, en, value⟩ := lift1_some Diff.ofInt (s.env.nums total) a ea
  have same : Diff.ofInt most = y := Option.some.inj (show some (Diff.ofInt most) = some y from ey)
  refine ⟨n, en, ?_⟩
  show Diff.le (Diff.add (Diff.ofInt n) (Num.total amount (valuation s.env))) (Diff.ofInt most) = true
  rw [value, total_eval amount s.env b eb, sum, same]
  exact test

/-! ## Sessions -/

theorem fresh_earlier (within : Option Nat) (a b time : Nat) (h : Nat.ble a b = true) :
    fresh within b time = true → fresh within a time = true := by
  cases within with
  | none => exact fun _ => rfl
  | some w => exact fun k => ble_trans a b (Nat.add time w) h k

-- A window that ends later has less of what was before.
theorem spent_less (amount : Num) (within : Option Nat) (a b : Nat) (h : Nat.ble a b = true) (past : List Step)
    (k : ∀ s, List.Mem s past → Diff.le (Diff.mk 0 0) (spentAt amount s) = true) :
    Diff.le (spent amount within b past) (spent amount within a past) = true := by
  revert k
  induction past with
  | nil => exact fun _ => diff_refl (Diff.mk 0 0)
  | cons s t ih =>
    intro k
    have rest := ih (fun x inside => k x (List.Mem.tail s inside))
    have here := k s (List.Mem.head t)
    show Diff.le
        (bif fresh within b s.time then Diff.add (spent amount within b t) (spentAt amount s)
          else spent amount within b t)
        (bif fresh within a s.time then Diff.add (spent amount within a t) (spentAt amount s)
          else spent amount within a t) = true
    cases later : fresh within b s.time with
    | true =>
      rw [fresh_earlier within a b s.time h later]
      exact diff_add (spent amount within b t) (spent amount within a t) (spentAt amount s) (spentAt amount s) rest
        (diff_refl (spentAt amount s))
    | false =>
      cases fresh within a s.time with
      | true =>
        exact diff_trans (spent amount within b t) (spent amount within a t)
          (Diff.add (spent amount within a t) (spentAt amount s)) rest
          (diff_more (spent amount within a t) (spentAt amount s) here)
      | false => exact rest

theorem letGo_positive (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (amount : Num)
    (within : Option Nat) (total : Nat) (most : Int) (always : Always p hyps tool allowed (positive amount))
    (past : List Step) :
    LetGo p hyps tool allowed amount within total most past →
      ∀ s, List.Mem s past → Diff.le (Diff.mk 0 0) (spentAt amount s) = true := by
  induction past with
  | nil =>
    intro _ s inside
    cases inside
  | cons c t ih =>
    intro h s inside
    obtain ⟨before, respects, told, goes, _⟩ := h
    cases mem_cons inside with
    | inl same =>
      rw [same]
      exact positive_sound amount c (always c.env respects told goes)
    | inr later => exact ih before s later

theorem within_from (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (amount : Num)
    (within : Option Nat) (total : Nat) (most : Int) (zero : Diff.le (Diff.mk 0 0) (Diff.ofInt most) = true)
    (a : Always p hyps tool allowed (positive amount)) (b : Always p hyps tool allowed (bounded amount total most))
    (past : List Step) :
    ∀ (now : Nat), Ordered Step.time past now → LetGo p hyps tool allowed amount within total most past →
      Diff.le (spent amount within now past) (Diff.ofInt most) = true := by
  induction past with
  | nil => exact fun _ _ _ => zero
  | cons c t ih =>
    intro now o h
    obtain ⟨newest, ordered⟩ := (show Nat.ble c.time now = true ∧ Ordered Step.time t c.time from o)
    obtain ⟨before, respects, told, goes, read⟩ := h
    have positiveBefore := letGo_positive p hyps tool allowed amount within total most a t before
    show Diff.le (bif fresh within now c.time then Diff.add (spent amount within now t) (spentAt amount c)
      else spent amount within now t) (Diff.ofInt most) = true
    cases fresh within now c.time with
    | false => exact ih now (ordered_later Step.time t c.time now newest ordered) before
    | true =>
      obtain ⟨n, en, within_⟩ := bounded_sound amount total most c (b c.env respects told goes)
      cases read n en with
      | inl enough =>
        have older := spent_less amount within c.time now newest t positiveBefore
        have known := diff_trans (spent amount within now t) (spent amount within c.time t) (Diff.ofInt n) older enough
        exact diff_trans (Diff.add (spent amount within now t) (spentAt amount c))
          (Diff.add (Diff.ofInt n) (spentAt amount c)) (Diff.ofInt most)
          (diff_add (spent amount within now t) (Diff.ofInt n) (spentAt amount c) (spentAt amount c) known
            (diff_refl (spentAt amount c)))
          within_
      | inr beyond => exact False.elim (not_true within_ beyond)

/-- Where two trees show that a call that is let go spends nothing negative, and that what the policy reads of the past
and the call's amount are together within the limit, no session exceeds the limit in any window. -/
theorem always_within_sound (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (amount : Num)
    (within : Option Nat) (total : Nat) (most : Int) (t u : Tree) :
    Diff.le (Diff.mk 0 0) (Diff.ofInt most) = true →
      check p (onlyTrue (positive amount) :: hyps) tool allowed false (Expr.or (positive amount) (Expr.lit true)) t =
        true →
      check p (onlyTrue (bounded amount total most) :: hyps) tool allowed false
        (Expr.or (bounded amount total most) (Expr.lit true)) u = true →
      Within p hyps tool allowed amount within total most := by
  intro zero one two past now
  exact within_from p hyps tool allowed amount within total most zero
    (always_sound p hyps tool allowed (positive amount) t one)
    (always_sound p hyps tool allowed (bounded amount total most) u two) past now

/-! ## Where the policy only reads whether there was a call -/

theorem small_sound (amount : Num) (most : Int) (s : Step) (h : Expr.eval (small amount most) s.env = some true) :
    Diff.le (spentAt amount s) (Diff.ofInt most) = true := by
  obtain ⟨x, ex, y, ey, test⟩ :=
    lift2_some (Cmp.test Cmp.le) (Num.eval amount s.env) (Num.eval (Num.lit most) s.env) true h
  have same : Diff.ofInt most = y := Option.some.inj (show some (Diff.ofInt most) = some y from ey)
  show Diff.le (Num.total amount (valuation s.env)) (Diff.ofInt most) = true
  rw [total_eval amount s.env x ex, same]
  exact test

theorem not3_true (a : Option Bool) (h : not3 a = some true) : a = some false := by
  rcases a with _ | (_ | _)
  · cases h
  · rfl
  · cases h

theorem quiet_spent (amount : Num) (within : Option Nat) (now : Nat) (past : List Step)
    (h : ∀ x, List.Mem x past → fresh within now x.time = false) : spent amount within now past = Diff.mk 0 0 := by
  revert h
  induction past with
  | nil => exact fun _ => rfl
  | cons s t ih =>
    intro h
    have skip := congrArg
      (fun b => bif b then Diff.add (spent amount within now t) (spentAt amount s) else spent amount within now t)
      (h s (List.Mem.head t))
    exact skip.trans (ih (fun x inside => h x (List.Mem.tail s inside)))

theorem zero_diff (a : Diff) : Diff.add (Diff.mk 0 0) a = a := by
  cases a with
  | mk p n =>
    show Diff.mk (Nat.add 0 p) (Nat.add 0 n) = Diff.mk p n
    rw [zero_add p, zero_add n]

theorem letGoOnce_positive (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (amount : Num)
    (within : Option Nat) (once : Nat) (always : Always p hyps tool allowed (positive amount)) (past : List Step) :
    LetGoOnce p hyps tool allowed within once past →
      ∀ s, List.Mem s past → Diff.le (Diff.mk 0 0) (spentAt amount s) = true := by
  induction past with
  | nil =>
    intro _ s inside
    cases inside
  | cons c t ih =>
    intro h s inside
    obtain ⟨before, respects, told, goes, _⟩ := h
    cases mem_cons inside with
    | inl same =>
      rw [same]
      exact positive_sound amount c (always c.env respects told goes)
    | inr later => exact ih before s later

theorem withinOnce_from (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (amount : Num)
    (within : Option Nat) (once : Nat) (most : Int) (zero : Diff.le (Diff.mk 0 0) (Diff.ofInt most) = true)
    (a : Always p hyps tool allowed (positive amount)) (b : Always p hyps tool allowed (small amount most))
    (f : Always p hyps tool allowed (firstIn once)) (past : List Step) :
    ∀ (now : Nat), Ordered Step.time past now → LetGoOnce p hyps tool allowed within once past →
      Diff.le (spent amount within now past) (Diff.ofInt most) = true := by
  induction past with
  | nil => exact fun _ _ _ => zero
  | cons c t ih =>
    intro now o h
    obtain ⟨newest, ordered⟩ := (show Nat.ble c.time now = true ∧ Ordered Step.time t c.time from o)
    obtain ⟨before, respects, told, goes, quiet⟩ := h
    have positiveBefore := letGoOnce_positive p hyps tool allowed amount within once a t before
    have here := small_sound amount most c (b c.env respects told goes)
    have first_ : c.env.atoms once = some false := not3_true (c.env.atoms once) (f c.env respects told goes)
    have nothing := quiet_spent amount within c.time t (quiet first_)
    have older := spent_less amount within c.time now newest t positiveBefore
    rw [nothing] at older
    show Diff.le (bif fresh within now c.time then Diff.add (spent amount within now t) (spentAt amount c)
      else spent amount within now t) (Diff.ofInt most) = true
    cases fresh within now c.time with
    | false => exact ih now (ordered_later Step.time t c.time now newest ordered) before
    | true =>
      have sum := diff_add (spent amount within now t) (Diff.mk 0 0) (spentAt amount c) (spentAt amount c) older
        (diff_refl (spentAt amount c))
      rw [zero_diff (spentAt amount c)] at sum
      exact diff_trans (Diff.add (spent amount within now t) (spentAt amount c)) (spentAt amount c) (Diff.ofInt most)
        sum here

/-- The same where three trees show that there was no call in the window, and that the amount is neither negative nor
above the limit. -/
theorem always_within_once_sound (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (amount : Num)
    (within : Option Nat) (once : Nat) (most : Int) (t u v : Tree) :
    Diff.le (Diff.mk 0 0) (Diff.ofInt most) = true →
      check p (onlyTrue (positive amount) :: hyps) tool allowed false (Expr.or (positive amount) (Expr.lit true)) t =
        true →
      check p (onlyTrue (small amount most) :: hyps) tool allowed false
        (Expr.or (small amount most) (Expr.lit true)) u = true →
      check p (onlyTrue (firstIn once) :: hyps) tool allowed false (Expr.or (firstIn once) (Expr.lit true)) v = true →
      WithinOnce p hyps tool allowed amount within once most := by
  intro zero one two three past now
  exact withinOnce_from p hyps tool allowed amount within once most zero
    (always_sound p hyps tool allowed (positive amount) t one)
    (always_sound p hyps tool allowed (small amount most) u two)
    (always_sound p hyps tool allowed (firstIn once) v three) past now

end Bartizan
