import Thm.Decide

/-!
# Losing information never allows, and the index by tool leaves nothing out
-/

namespace Bartizan

/-- What has a value in `a` has it in `b`. -/
def Less {α : Type} (a b : Option α) : Prop :=
  a = none ∨ a = b

theorem less_of {α : Type} {a b : Option α} (h : ∀ x, a = some x → b = some x) : Less a b := by
  cases a with
  | none => exact Or.inl rfl
  | some x => exact Or.inr (h x rfl).symm

theorem less_some {α : Type} {a b : Option α} {x : α} (h : Less a b) (k : a = some x) : b = some x := by
  cases (show a = none ∨ a = b from h) with
  | inl missing => rw [missing] at k; cases k
  | inr same => exact same.symm.trans k

/-! ## Every connective -/

theorem not3_less {a b : Option Bool} (h : Less a b) : Less (not3 a) (not3 b) := by
  cases (show a = none ∨ a = b from h) with
  | inl x => rw [x]; exact Or.inl rfl
  | inr x => rw [x]; exact Or.inr rfl

theorem and3_less {a b c d : Option Bool} (h : Less a b) (k : Less c d) : Less (and3 a c) (and3 b d) := by
  cases (show a = none ∨ a = b from h) with
  | inl x =>
    rw [x]
    cases (show c = none ∨ c = d from k) with
    | inl y => rw [y]; exact Or.inl rfl
    | inr y =>
      rw [← y]
      rcases c with _ | (_ | _)
      · exact Or.inl rfl
      · exact Or.inr (by rcases b with _ | (_ | _) <;> rfl)
      · exact Or.inl rfl
  | inr x =>
    rw [← x]
    cases (show c = none ∨ c = d from k) with
    | inl y =>
      rw [y]
      rcases a with _ | (_ | _)
      · exact Or.inl rfl
      · exact Or.inr rfl
      · exact Or.inl rfl
    | inr y => rw [← y]; exact Or.inr rfl

theorem or3_less {a b c d : Option Bool} (h : Less a b) (k : Less c d) : Less (or3 a c) (or3 b d) := by
  cases (show a = none ∨ a = b from h) with
  | inl x =>
    rw [x]
    cases (show c = none ∨ c = d from k) with
    | inl y => rw [y]; exact Or.inl rfl
    | inr y =>
      rw [← y]
      rcases c with _ | (_ | _)
      · exact Or.inl rfl
      · exact Or.inl rfl
      · exact Or.inr (by rcases b with _ | (_ | _) <;> rfl)
  | inr x =>
    rw [← x]
    cases (show c = none ∨ c = d from k) with
    | inl y =>
      rw [y]
      rcases a with _ | (_ | _)
      · exact Or.inl rfl
      · exact Or.inl rfl
      · exact Or.inr rfl
    | inr y => rw [← y]; exact Or.inr rfl

theorem ite3_less {a b c d e f : Option Bool} (h : Less a b) (k : Less c d) (l : Less e f) :
    Less (ite3 a c e) (ite3 b d f) := by
  cases (show a = none ∨ a = b from h) with
  | inl x => rw [x]; exact Or.inl rfl
  | inr x =>
    rw [← x]
    rcases a with _ | (_ | _)
    · exact Or.inl rfl
    · exact l
    · exact k

theorem lift1_less {α β : Type} (f : α → β) {a b : Option α} (h : Less a b) : Less (lift1 f a) (lift1 f b) := by
  cases (show a = none ∨ a = b from h) with
  | inl x => rw [x]; exact Or.inl rfl
  | inr x => rw [x]; exact Or.inr rfl

theorem lift2_less {α β γ : Type} (f : α → β → γ) {a b : Option α} {c d : Option β} (h : Less a b) (k : Less c d) :
    Less (lift2 f a c) (lift2 f b d) := by
  cases (show a = none ∨ a = b from h) with
  | inl x => rw [x]; exact Or.inl rfl
  | inr x =>
    rw [← x]
    cases (show c = none ∨ c = d from k) with
    | inl y =>
      rw [y]
      cases a with
      | none => exact Or.inl rfl
      | some _ => exact Or.inl rfl
    | inr y => rw [← y]; exact Or.inr rfl

/-! ## Every expression -/

theorem num_less (n : Num) (less more : Env) (h : Below less more) : Less (Num.eval n less) (Num.eval n more) := by
  obtain ⟨_, nums⟩ := h
  induction n with
  | lit n => exact Or.inr rfl
  | var i => exact lift1_less Diff.ofInt (less_of (nums i))
  | add a b l r => exact lift2_less Diff.add l r
  | scale k a v => exact lift1_less (Diff.scale k) v

theorem expr_less (e : Expr) (less more : Env) (h : Below less more) : Less (Expr.eval e less) (Expr.eval e more) := by
  induction e with
  | lit b => exact Or.inr rfl
  | atom i =>
    obtain ⟨atoms, _⟩ := h
    exact less_of (atoms i)
  | not a v => exact not3_less v
  | and a b l r => exact and3_less l r
  | or a b l r => exact or3_less l r
  | ite c a b t l r => exact ite3_less t l r
  | cmp op a b => exact lift2_less (Cmp.test op) (num_less a less more h) (num_less b less more h)
  | among a items => exact lift1_less (Diff.among items) (num_less a less more h)

/-- A value that is known stays when more becomes known. -/
theorem eval_monotone (e : Expr) (less more : Env) (b : Bool) :
    Below less more → Expr.eval e less = some b → Expr.eval e more = some b := by
  intro h known
  exact less_some (expr_less e less more h) known

/-! ## Votes -/

theorem permit_less {effect : Effect} {m n : Bool} {a b : Option Bool} (h : Less a b) :
    votes effect m a = Vote.permit → votes effect n b = Vote.permit := by
  cases (show a = none ∨ a = b from h) with
  | inl x =>
    rw [x]
    cases effect <;> cases m <;> intro v <;> cases v
  | inr x =>
    rw [← x]
    cases effect <;> cases m <;> cases n <;> rcases a with _ | (_ | _) <;> intro v <;>
      first
        | exact v
        | (cases v; done)

-- A rule that denies or asks did so, or asked or denied, when less was known.
theorem fires_less {effect : Effect} {m n : Bool} {a b : Option Bool} (h : Less a b) :
    votes effect n b = Vote.deny ∨ votes effect n b = Vote.ask →
      votes effect m a = Vote.deny ∨ votes effect m a = Vote.ask := by
  cases (show a = none ∨ a = b from h) with
  | inl x =>
    rw [x]
    cases effect <;> cases m <;> cases n <;> rcases b with _ | (_ | _) <;> intro v <;>
      first
        | exact Or.inl rfl
        | exact Or.inr rfl
        | (rcases v with w | w <;> cases w)
  | inr x =>
    rw [← x]
    cases effect <;> cases m <;> cases n <;> rcases a with _ | (_ | _) <;> intro v <;>
      first
        | exact Or.inl rfl
        | exact Or.inr rfl
        | (rcases v with w | w <;> cases w)

theorem vote_permit_less {tool : Text} {less more : Env} (r : Rule) (h : Below less more) :
    vote tool less r = Vote.permit → vote tool more r = Vote.permit := by
  have claim : ∀ (applies : Bool) (x y : Vote), (x = Vote.permit → y = Vote.permit) →
      (bif applies then x else Vote.silent) = Vote.permit → (bif applies then y else Vote.silent) = Vote.permit := by
    intro applies x y step v
    cases applies with
    | false => cases v
    | true => exact step v
  exact claim (Rule.applies r tool) (votes r.effect (Rule.missing r less) (Expr.eval r.cond less))
    (votes r.effect (Rule.missing r more) (Expr.eval r.cond more)) (permit_less (expr_less r.cond less more h))

theorem vote_fires_less {tool : Text} {less more : Env} (r : Rule) (h : Below less more) :
    vote tool more r = Vote.deny ∨ vote tool more r = Vote.ask →
      vote tool less r = Vote.deny ∨ vote tool less r = Vote.ask := by
  have claim : ∀ (applies : Bool) (x y : Vote),
      (y = Vote.deny ∨ y = Vote.ask → x = Vote.deny ∨ x = Vote.ask) →
      ((bif applies then y else Vote.silent) = Vote.deny ∨ (bif applies then y else Vote.silent) = Vote.ask) →
      ((bif applies then x else Vote.silent) = Vote.deny ∨ (bif applies then x else Vote.silent) = Vote.ask) := by
    intro applies x y step v
    cases applies with
    | false => rcases v with w | w <;> cases w
    | true => exact step v
  exact claim (Rule.applies r tool) (votes r.effect (Rule.missing r less) (Expr.eval r.cond less))
    (votes r.effect (Rule.missing r more) (Expr.eval r.cond more)) (fires_less (expr_less r.cond less more h))

/-- A call that is allowed stays allowed when more becomes known: losing information never allows. -/
theorem info_monotone (p : Policy) (tool : Text) (less more : Env) :
    Below less more → decide p tool less = Outcome.allow → decide p tool more = Outcome.allow := by
  intro h allowed
  have known := outcome_allow allowed
  have calm : ∀ r, List.Mem r p.rules → vote tool less r = Vote.deny ∨ vote tool less r = Vote.ask → False := by
    intro r inside v
    cases v with
    | inl w => exact not_true (voted_of inside w) known.left
    | inr w => exact not_true (voted_of inside w) known.right.left
  have noDeny : voted Vote.deny tool more p.rules = false :=
    none_voted (fun r inside same => calm r inside (vote_fires_less r h (Or.inl same)))
  have noAsk : voted Vote.ask tool more p.rules = false :=
    none_voted (fun r inside same => calm r inside (vote_fires_less r h (Or.inr same)))
  have permitted : voted Vote.permit tool more p.rules = true := by
    obtain ⟨r, inside, same⟩ := of_voted known.right.right
    exact voted_of inside (vote_permit_less r h same)
  have allow : ∀ d a q : Bool, d = false → a = false → q = true → outcome d a q = Outcome.allow := by
    intro d a q hd ha hq
    cases hd
    cases ha
    cases hq
    rfl
  exact allow _ _ _ noDeny noAsk permitted

/-! ## The index by tool -/

theorem filter_kept {α : Type} (k : α → Bool) (a : α) (t : List α) (h : k a = true) :
    List.filter k (a :: t) = a :: List.filter k t := by
  have computed := congrArg (fun b => match b with | true => a :: List.filter k t | false => List.filter k t) h
  exact computed

theorem filter_dropped {α : Type} (k : α → Bool) (a : α) (t : List α) (h : k a = false) :
    List.filter k (a :: t) = List.filter k t := by
  have computed := congrArg (fun b => match b with | true => a :: List.filter k t | false => List.filter k t) h
  exact computed

theorem any_filter {α : Type} (k q : α → Bool) (l : List α) (h : ∀ x, q x = true → k x = true) :
    List.any (List.filter k l) q = List.any l q := by
  induction l with
  | nil => rfl
  | cons a t ih =>
    cases kept : k a with
    | true =>
      rw [filter_kept k a t kept]
      have computed := congrArg (fun rest => q a || rest) ih
      exact computed
    | false =>
      rw [filter_dropped k a t kept]
      have no : q a = false := false_of_not (fun yes => not_true (h a yes) kept)
      have skip := congrArg (fun b => b || List.any t q) no
      exact ih.trans skip.symm

/-- Deciding by the rules of the call's tool is deciding by all rules. -/
theorem index_slice_sound (p : Policy) (tool : Text) (env : Env) :
    decide (Policy.slice tool p) tool env = decide p tool env := by
  have counted : ∀ v : Vote, ¬ v = Vote.silent →
      voted v tool env (List.filter (fun (r : Rule) => Text.beq r.tool tool) p.rules) = voted v tool env p.rules := by
    intro v other
    refine any_filter (fun (r : Rule) => Text.beq r.tool tool) (fun r => Vote.beq v (vote tool env r)) p.rules ?_
    intro r votes_so
    have claim : ∀ (shadow same : Bool) (x : Vote),
        Vote.beq v (bif (!shadow && same) then x else Vote.silent) = true → same = true := by
      intro shadow same x e
      cases same with
      | true => rfl
      | false =>
        have silent : Vote.beq v Vote.silent = true := by
          cases shadow <;> exact e
        exact absurd (Vote.of_beq silent) other
    exact claim r.shadow (Text.beq r.tool tool) (votes r.effect (Rule.missing r env) (Expr.eval r.cond env)) votes_so
  have equal : ∀ d a s d' a' s' : Bool, d = d' → a = a' → s = s' → outcome d a s = outcome d' a' s' := by
    intro d a s d' a' s' hd ha hs
    cases hd
    cases ha
    cases hs
    rfl
  exact equal _ _ _ _ _ _ (counted Vote.deny (fun h => by cases h)) (counted Vote.ask (fun h => by cases h))
    (counted Vote.permit (fun h => by cases h))

end Bartizan
