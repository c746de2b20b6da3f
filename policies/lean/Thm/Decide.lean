import Spec.Decide

/-!
# Deny wins, nobody's silence allows, and the order of rules plays no part
-/

namespace Bartizan

/-! ## Truth values -/

theorem and_intro {a b : Bool} (h : a = true) (k : b = true) : (a && b) = true := by
  cases h
  exact k

theorem and_left {a b : Bool} (h : (a && b) = true) : a = true := by
  cases a with
  | true => rfl
  | false => cases h

theorem and_right {a b : Bool} (h : (a && b) = true) : b = true := by
  cases a with
  | true => exact h
  | false => cases h

theorem or_inl {a b : Bool} (h : a = true) : (a || b) = true := by
  cases h
  rfl

theorem or_inr {a b : Bool} (h : b = true) : (a || b) = true := by
  cases h
  cases a <;> rfl

theorem or_elim {a b : Bool} (h : (a || b) = true) : a = true ∨ b = true := by
  cases a with
  | false => exact Or.inr h
  | true => exact Or.inl rfl

theorem not_true {a : Bool} (h : a = true) (k : a = false) : False := by
  cases h
  cases k

theorem false_of_not {a : Bool} (h : ¬ a = true) : a = false := by
  cases a with
  | false => rfl
  | true => exact absurd rfl h

theorem or_false_left {a b : Bool} (h : (a || b) = false) : a = false := by
  cases a with
  | false => rfl
  | true => cases h

theorem or_false_right {a b : Bool} (h : (a || b) = false) : b = false := by
  cases a with
  | false => exact h
  | true => cases h

/-! ## Lists of rules -/

theorem any_of_mem {α : Type} (p : α → Bool) (l : List α) (x : α) (h : List.Mem x l) (k : p x = true) :
    List.any l p = true := by
  induction h with
  | head as => exact (or_inl k : (p x || List.any as p) = true)
  | @tail b as _ ih => exact (or_inr ih : (p b || List.any as p) = true)

theorem mem_of_any {α : Type} (p : α → Bool) (l : List α) : List.any l p = true → ∃ x, List.Mem x l ∧ p x = true := by
  induction l with
  | nil => intro h; cases h
  | cons a t ih =>
    intro h
    cases or_elim (show (p a || List.any t p) = true from h) with
    | inl here => exact ⟨a, List.Mem.head t, here⟩
    | inr later =>
      obtain ⟨x, inside, holds⟩ := ih later
      exact ⟨x, List.Mem.tail a inside, holds⟩

-- Two lists with the same members have a member with a property, or both have none.
theorem any_same {α : Type} (p : α → Bool) (l m : List α) (h : ∀ x, List.Mem x l ↔ List.Mem x m) :
    List.any l p = List.any m p := by
  cases left : List.any l p with
  | true =>
    obtain ⟨x, inside, holds⟩ := mem_of_any p l left
    exact (any_of_mem p m x ((h x).mp inside) holds).symm
  | false =>
    refine (false_of_not ?_).symm
    intro right
    obtain ⟨x, inside, holds⟩ := mem_of_any p m right
    exact not_true (any_of_mem p l x ((h x).mpr inside) holds) left

/-! ## Votes -/

theorem Vote.beq_refl (v : Vote) : Vote.beq v v = true := by
  cases v <;> rfl

theorem Vote.of_beq {a b : Vote} (h : Vote.beq a b = true) : a = b := by
  cases a <;> cases b <;> first | rfl | cases h

theorem voted_of {v : Vote} {tool : Text} {env : Env} {l : List Rule} {r : Rule} (h : List.Mem r l)
    (k : vote tool env r = v) : voted v tool env l = true := by
  cases k
  exact any_of_mem (fun s => Vote.beq (vote tool env r) (vote tool env s)) l r h (Vote.beq_refl (vote tool env r))

theorem of_voted {v : Vote} {tool : Text} {env : Env} {l : List Rule} (h : voted v tool env l = true) :
    ∃ r, List.Mem r l ∧ vote tool env r = v := by
  obtain ⟨r, inside, same⟩ := mem_of_any (fun r => Vote.beq v (vote tool env r)) l h
  exact ⟨r, inside, (Vote.of_beq same).symm⟩

theorem none_voted {v : Vote} {tool : Text} {env : Env} {l : List Rule}
    (h : ∀ r, List.Mem r l → vote tool env r = v → False) : voted v tool env l = false := by
  refine false_of_not ?_
  intro yes
  obtain ⟨r, inside, same⟩ := of_voted yes
  exact h r inside same

theorem outcome_allow {d a p : Bool} (h : outcome d a p = Outcome.allow) : d = false ∧ (a = false ∧ p = true) := by
  cases d with
  | true => cases h
  | false =>
    cases a with
    | true => cases h
    | false =>
      cases p with
      | true => exact ⟨rfl, rfl, rfl⟩
      | false => cases h

/-! ## The theorems -/

/-- A rule that votes deny decides, whatever the other rules vote. -/
theorem deny_overrides (p : Policy) (tool : Text) (env : Env) (r : Rule) :
    List.Mem r p.rules → vote tool env r = Vote.deny → decide p tool env = Outcome.deny := by
  intro inside denies
  have hit : voted Vote.deny tool env p.rules = true := voted_of inside denies
  have computed := congrArg
    (fun d => outcome d (voted Vote.ask tool env p.rules) (voted Vote.permit tool env p.rules)) hit
  exact computed

/-- Where every rule is silent, the call is denied. -/
theorem default_deny (p : Policy) (tool : Text) (env : Env) :
    (∀ r, List.Mem r p.rules → vote tool env r = Vote.silent) → decide p tool env = Outcome.deny := by
  intro silent
  have nobody : ∀ v : Vote, ¬ v = Vote.silent → voted v tool env p.rules = false := by
    intro v other
    exact none_voted (fun r inside same => other (same.symm.trans (silent r inside)))
  have asks := nobody Vote.ask (fun h => by cases h)
  have permits := nobody Vote.permit (fun h => by cases h)
  have deny : ∀ d a q : Bool, a = false → q = false → outcome d a q = Outcome.deny := by
    intro d a q ha hq
    cases ha
    cases hq
    cases d <;> rfl
  exact deny _ _ _ asks permits

/-- Nothing is allowed without a rule that permits it. -/
theorem allow_needs_permit (p : Policy) (tool : Text) (env : Env) :
    decide p tool env = Outcome.allow → ∃ r, List.Mem r p.rules ∧ vote tool env r = Vote.permit := by
  intro allowed
  exact of_voted (outcome_allow allowed).right.right

-- A deny rule never permits.
theorem deny_rule_votes (tool : Text) (env : Env) (r : Rule) (h : r.effect = Effect.deny) :
    vote tool env r = Vote.permit → False := by
  have claim : ∀ (applies missing : Bool) (effect : Effect) (value : Option Bool), effect = Effect.deny →
      (bif applies then votes effect missing value else Vote.silent) = Vote.permit → False := by
    intro applies missing effect value e v
    cases e
    cases applies with
    | false => cases v
    | true =>
      cases value with
      | none => cases missing <;> cases v
      | some x => cases x <;> cases missing <;> cases v
  exact claim (Rule.applies r tool) (Rule.missing r env) r.effect (Expr.eval r.cond env) h

-- A deny rule without soft signals never asks.
theorem hard_deny_rule_votes (tool : Text) (env : Env) (r : Rule) (h : r.effect = Effect.deny) (hard : r.soft = []) :
    vote tool env r = Vote.ask → False := by
  have claim : ∀ (applies missing : Bool) (effect : Effect) (value : Option Bool), effect = Effect.deny →
      missing = false → (bif applies then votes effect missing value else Vote.silent) = Vote.ask → False := by
    intro applies missing effect value e m v
    cases e
    cases m
    cases applies with
    | false => cases v
    | true =>
      cases value with
      | none => cases v
      | some x => cases x <;> cases v
  have present : Rule.missing r env = false := by
    have computed := congrArg (fun soft => List.any soft (fun i => isNone (env.nums i))) hard
    exact computed
  exact claim (Rule.applies r tool) (Rule.missing r env) r.effect (Expr.eval r.cond env) h present

/-- Adding a deny rule never makes anything allowed. -/
theorem allow_antitone_add_deny (p : Policy) (tool : Text) (env : Env) (r : Rule) :
    r.effect = Effect.deny → decide (Policy.add r p) tool env = Outcome.allow → decide p tool env = Outcome.allow := by
  intro denies allowed
  have known := outcome_allow allowed
  have noneDenies : (Vote.beq Vote.deny (vote tool env r) || voted Vote.deny tool env p.rules) = false := known.left
  have noneAsks : (Vote.beq Vote.ask (vote tool env r) || voted Vote.ask tool env p.rules) = false := known.right.left
  have somePermits : (Vote.beq Vote.permit (vote tool env r) || voted Vote.permit tool env p.rules) = true :=
    known.right.right
  have no : voted Vote.deny tool env p.rules = false := or_false_right noneDenies
  have unasked : voted Vote.ask tool env p.rules = false := or_false_right noneAsks
  have permitted : voted Vote.permit tool env p.rules = true := by
    cases or_elim somePermits with
    | inl h => exact False.elim (deny_rule_votes tool env r denies (Vote.of_beq h).symm)
    | inr h => exact h
  have allow : ∀ d a q : Bool, d = false → a = false → q = true → outcome d a q = Outcome.allow := by
    intro d a q hd ha hq
    cases hd
    cases ha
    cases hq
    rfl
  exact allow _ _ _ no unasked permitted

/-- Adding a deny rule without soft signals leaves what was denied denied. -/
theorem deny_mono_add_deny (p : Policy) (tool : Text) (env : Env) (r : Rule) :
    r.effect = Effect.deny → r.soft = [] → decide p tool env = Outcome.deny →
      decide (Policy.add r p) tool env = Outcome.deny := by
  intro denies hard denied
  have claim : ∀ d a q x y z : Bool, y = false → z = false → outcome d a q = Outcome.deny →
      outcome (x || d) (y || a) (z || q) = Outcome.deny := by
    intro d a q x y z hy hz h
    cases hy
    cases hz
    cases x with
    | true => rfl
    | false => exact h
  have unasked : Vote.beq Vote.ask (vote tool env r) = false :=
    false_of_not (fun h => hard_deny_rule_votes tool env r denies hard (Vote.of_beq h).symm)
  have unpermitted : Vote.beq Vote.permit (vote tool env r) = false :=
    false_of_not (fun h => deny_rule_votes tool env r denies (Vote.of_beq h).symm)
  exact claim (voted Vote.deny tool env p.rules) (voted Vote.ask tool env p.rules) (voted Vote.permit tool env p.rules)
    (Vote.beq Vote.deny (vote tool env r)) (Vote.beq Vote.ask (vote tool env r))
    (Vote.beq Vote.permit (vote tool env r)) unasked unpermitted denied

/-- Two policies with the same rules, in whatever order and however often, decide alike. -/
theorem order_and_dup_independent (p q : Policy) (tool : Text) (env : Env) :
    (∀ r, List.Mem r p.rules ↔ List.Mem r q.rules) → decide p tool env = decide q tool env := by
  intro same
  have votes_same : ∀ v : Vote, voted v tool env p.rules = voted v tool env q.rules :=
    fun v => any_same (fun r => Vote.beq v (vote tool env r)) p.rules q.rules same
  have equal : ∀ d a s d' a' s' : Bool, d = d' → a = a' → s = s' → outcome d a s = outcome d' a' s' := by
    intro d a s d' a' s' hd ha hs
    cases hd
    cases ha
    cases hs
    rfl
  exact equal _ _ _ _ _ _ (votes_same Vote.deny) (votes_same Vote.ask) (votes_same Vote.permit)

end Bartizan
