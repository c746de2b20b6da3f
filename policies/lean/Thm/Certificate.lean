import Thm.Arithmetic
import Thm.Information

/-!
# A tree that checks proves its claim
-/

namespace Bartizan

/-! ## Leaves that are the same -/

theorem Int.same_eq (a b : Int) : Int.same a b = true → a = b := by
  intro h
  match a, b, h with
  | Int.ofNat m, Int.ofNat n, h => exact congrArg Int.ofNat (Nat.same_eq m n h)
  | Int.negSucc m, Int.negSucc n, h => exact congrArg Int.negSucc (Nat.same_eq m n h)
  | Int.ofNat _, Int.negSucc _, h => cases h
  | Int.negSucc _, Int.ofNat _, h => cases h

theorem Num.same_eq (a : Num) : ∀ (b : Num), Num.same a b = true → a = b := by
  induction a with
  | lit m =>
    intro b h
    cases b with
    | lit n => exact congrArg Num.lit (Int.same_eq m n h)
    | _ => cases h
  | var i =>
    intro b h
    cases b with
    | var j => exact congrArg Num.var (Nat.same_eq i j h)
    | _ => cases h
  | add l r f g =>
    intro b h
    cases b with
    | add s t =>
      have both : (Num.same l s && Num.same r t) = true := h
      rw [f s (and_left both), g t (and_right both)]
    | _ => cases h
  | scale k l f =>
    intro b h
    cases b with
    | scale j s =>
      have both : (Int.same k j && Num.same l s) = true := h
      rw [Int.same_eq k j (and_left both), f s (and_right both)]
    | _ => cases h

theorem Items.same_eq (a : List Int) : ∀ (b : List Int), Items.same a b = true → a = b := by
  induction a with
  | nil =>
    intro b h
    cases b with
    | nil => rfl
    | cons y r => cases h
  | cons x l ih =>
    intro b h
    cases b with
    | nil => cases h
    | cons y r =>
      have both : (Int.same x y && Items.same l r) = true := h
      rw [Int.same_eq x y (and_left both), ih r (and_right both)]

theorem Cmp.same_eq (a b : Cmp) : Cmp.same a b = true → a = b := by
  intro h
  cases a <;> cases b <;> first | rfl | cases h

theorem Expr.same_eq (a b : Expr) : Expr.same a b = true → a = b := by
  intro h
  cases a with
  | atom i =>
    cases b with
    | atom j => exact congrArg Expr.atom (Nat.same_eq i j h)
    | _ => cases h
  | cmp op l r =>
    cases b with
    | cmp other s t =>
      have both : (Cmp.same op other && (Num.same l s && Num.same r t)) = true := h
      rw [Cmp.same_eq op other (and_left both), Num.same_eq l s (and_left (and_right both)),
        Num.same_eq r t (and_right (and_right both))]
    | _ => cases h
  | among l xs =>
    cases b with
    | among s ys =>
      have both : (Num.same l s && Items.same xs ys) = true := h
      rw [Num.same_eq l s (and_left both), Items.same_eq xs ys (and_right both)]
    | _ => cases h
  | _ => cases b <;> cases h

/-! ## What may be, from what is known -/

theorem all_less {α : Type} (p q : α → Bool) (l : List α) (h : ∀ x, p x = true → q x = true) :
    List.all l p = true → List.all l q = true := by
  induction l with
  | nil => exact fun _ => rfl
  | cons a t ih =>
    intro k
    have both : (p a && List.all t p) = true := k
    exact (and_intro (h a (and_left both)) (ih (and_right both)) : (q a && List.all t q) = true)

theorem mayLeaf_sound (facts : List Fact) (env : Env) (e : Expr) (h : hold env facts = true) :
    mayLeaf facts e (Expr.eval e env) = true := by
  refine all_less (Fact.holds env) (Fact.allows e (Expr.eval e env)) facts ?_ h
  intro f known
  show (bif Expr.same f.expr e then sameBool (same3 (Expr.eval e env) f.value) f.yes else true) = true
  cases s : Expr.same f.expr e with
  | false => rfl
  | true =>
    have equal := Expr.same_eq f.expr e s
    show sameBool (same3 (Expr.eval e env) f.value) f.yes = true
    rw [← equal]
    exact known

theorem same3_refl (a : Option Bool) : same3 a a = true := by
  rcases a with _ | (_ | _) <;> rfl

theorem not3_not3 (a : Option Bool) : not3 (not3 a) = a := by
  rcases a with _ | (_ | _) <;> rfl

theorem mayAnd_sound (f g : Option Bool → Bool) (a b : Option Bool) (h : f a = true) (k : g b = true) :
    mayAnd f g (and3 a b) = true := by
  rcases a with _ | (_ | _)
  · rcases b with _ | (_ | _)
    · exact or_inl (and_intro h (or_inl k))
    · exact or_inr k
    · exact or_inl (and_intro h (or_inr k))
  · exact or_inl h
  · rcases b with _ | (_ | _)
    · exact or_inr (and_intro h k)
    · exact or_inr k
    · exact and_intro h k

theorem mayOr_sound (f g : Option Bool → Bool) (a b : Option Bool) (h : f a = true) (k : g b = true) :
    mayOr f g (or3 a b) = true := by
  rcases a with _ | (_ | _)
  · rcases b with _ | (_ | _)
    · exact or_inl (and_intro h (or_inl k))
    · exact or_inl (and_intro h (or_inr k))
    · exact or_inr k
  · rcases b with _ | (_ | _)
    · exact or_inr (and_intro h k)
    · exact and_intro h k
    · exact or_inr k
  · exact or_inl h

theorem mayIte_sound (f g k : Option Bool → Bool) (c a b : Option Bool) (x : f c = true) (y : g a = true)
    (z : k b = true) : mayIte f g k (ite3 c a b) = true := by
  rcases c with _ | (_ | _)
  · exact or_inr (or_inr (and_intro x rfl))
  · exact or_inr (or_inl (and_intro x z))
  · exact or_inl (and_intro x y)

-- The value that a condition has is one that it may have.
theorem may_sound (facts : List Fact) (env : Env) (e : Expr) (h : hold env facts = true) :
    may facts e (Expr.eval e env) = true := by
  induction e with
  | lit b => exact same3_refl (some b)
  | atom i => exact mayLeaf_sound facts env (Expr.atom i) h
  | not a f =>
    show may facts a (not3 (not3 (Expr.eval a env))) = true
    rw [not3_not3 (Expr.eval a env)]
    exact f
  | and a b f g => exact mayAnd_sound (may facts a) (may facts b) (Expr.eval a env) (Expr.eval b env) f g
  | or a b f g => exact mayOr_sound (may facts a) (may facts b) (Expr.eval a env) (Expr.eval b env) f g
  | ite c a b f g k =>
    exact mayIte_sound (may facts c) (may facts a) (may facts b) (Expr.eval c env) (Expr.eval a env)
      (Expr.eval b env) f g k
  | cmp op a b => exact mayLeaf_sound facts env (Expr.cmp op a b) h
  | among a items => exact mayLeaf_sound facts env (Expr.among a items) h

theorem mayVotes_sound (effect : Effect) (soft missing : Bool) (m : Option Bool → Bool) (a : Option Bool)
    (s : missing = true → soft = true) (h : m a = true) : mayVotes effect soft m (votes effect missing a) = true := by
  cases effect with
  | allow =>
    rcases a with _ | (_ | _)
    · exact or_inl h
    · exact or_inr h
    · exact h
  | deny =>
    rcases a with _ | (_ | _)
    · cases missing with
      | true => exact and_intro (s rfl) h
      | false => exact or_inr h
    · cases missing <;> exact h
    · cases missing <;> exact or_inl h
  | escalate =>
    rcases a with _ | (_ | _)
    · exact or_inr h
    · exact h
    · exact or_inl h
  | redact => cases missing <;> rcases a with _ | (_ | _) <;> rfl
  | label => cases missing <;> rcases a with _ | (_ | _) <;> rfl

theorem missing_soft (r : Rule) (env : Env) : Rule.missing r env = true → Rule.isSoft r = true := by
  have claim : ∀ soft : List Nat, List.any soft (fun i => isNone (env.nums i)) = true →
      (match soft with | [] => false | _ :: _ => true) = true := by
    intro soft h
    cases soft with
    | nil => cases h
    | cons _ _ => rfl
  exact claim r.soft

-- The vote of a rule is one that it may have.
theorem mayVote_sound (facts : List Fact) (tool : Text) (env : Env) (r : Rule) (h : hold env facts = true) :
    mayVote facts tool r (vote tool env r) = true := by
  have claim : ∀ (applies : Bool) (v : Vote), mayVotes r.effect (Rule.isSoft r) (may facts r.cond) v = true →
      (bif applies then mayVotes r.effect (Rule.isSoft r) (may facts r.cond) (bif applies then v else Vote.silent)
        else Vote.beq Vote.silent (bif applies then v else Vote.silent)) = true := by
    intro applies v k
    cases applies with
    | true => exact k
    | false => rfl
  exact claim (Rule.applies r tool) (votes r.effect (Rule.missing r env) (Expr.eval r.cond env))
    (mayVotes_sound r.effect (Rule.isSoft r) (Rule.missing r env) (may facts r.cond) (Expr.eval r.cond env)
      (missing_soft r env) (may_sound facts env r.cond h))

theorem nor_left {a b : Bool} (h : (!(a || b)) = true) : a = false := by
  cases a with
  | false => rfl
  | true => cases h

theorem nor_right {a b : Bool} (h : (!(a || b)) = true) : b = false := by
  cases a with
  | true => cases h
  | false =>
    cases b with
    | false => rfl
    | true => cases h

theorem of_not {a : Bool} (h : (!a) = true) : a = false := by
  cases a with
  | false => rfl
  | true => cases h

theorem to_not {a : Bool} (h : a = false) : (!a) = true := by
  cases h
  rfl

theorem mustStop_sound (m : Vote → Bool) (v : Vote) (h : m v = true) (k : mustStop m = true) :
    v = Vote.deny ∨ v = Vote.ask := by
  have never : (!(m Vote.permit || m Vote.silent)) = true := k
  cases v with
  | deny => exact Or.inl rfl
  | ask => exact Or.inr rfl
  | permit => exact False.elim (not_true h (nor_left never))
  | silent => exact False.elim (not_true h (nor_right never))

theorem mustDeny_sound (m : Vote → Bool) (v : Vote) (h : m v = true) (k : mustDeny m = true) : v = Vote.deny := by
  have never : (!(m Vote.ask || (m Vote.permit || m Vote.silent))) = true := k
  cases v with
  | deny => rfl
  | ask => exact False.elim (not_true h (nor_left never))
  | permit => exact False.elim (not_true h (or_false_left (nor_right never)))
  | silent => exact False.elim (not_true h (or_false_right (nor_right never)))

theorem none_any {α : Type} (p : α → Bool) (l : List α) (h : ∀ x, List.Mem x l → p x = false) :
    List.any l p = false := by
  refine false_of_not ?_
  intro yes
  obtain ⟨x, inside, holds⟩ := mem_of_any p l yes
  exact not_true holds (h x inside)

theorem may_voted (facts : List Fact) (tool : Text) (env : Env) (rules : List Rule) (v : Vote)
    (h : hold env facts = true) (k : voted v tool env rules = true) :
    List.any rules (fun r => mayVote facts tool r v) = true := by
  obtain ⟨r, inside, same⟩ := of_voted k
  refine any_of_mem (fun r => mayVote facts tool r v) rules r inside ?_
  show mayVote facts tool r v = true
  rw [← same]
  exact mayVote_sound facts tool env r h

theorem outcome_escalate {d a p : Bool} (h : outcome d a p = Outcome.escalate) : d = false ∧ a = true := by
  cases d with
  | true => cases h
  | false =>
    cases a with
    | true => exact ⟨rfl, rfl⟩
    | false => cases p <;> cases h

-- The decision about a call is one that it may have.
theorem mayOutcome_sound (facts : List Fact) (p : Policy) (tool : Text) (env : Env) (o : Outcome)
    (h : hold env facts = true) : decide p tool env = o → mayOutcome facts tool p.rules o = true := by
  intro decided
  cases o with
  | allow =>
    have known := outcome_allow decided
    have noStop : List.any p.rules (fun r => mustStop (mayVote facts tool r)) = false := by
      refine none_any (fun r => mustStop (mayVote facts tool r)) p.rules ?_
      intro r inside
      refine false_of_not ?_
      intro yes
      cases mustStop_sound (mayVote facts tool r) (vote tool env r) (mayVote_sound facts tool env r h) yes with
      | inl x => exact not_true (voted_of inside x) known.left
      | inr x => exact not_true (voted_of inside x) known.right.left
    exact and_intro (to_not noStop) (may_voted facts tool env p.rules Vote.permit h known.right.right)
  | escalate =>
    have known := outcome_escalate decided
    have noDeny : List.any p.rules (fun r => mustDeny (mayVote facts tool r)) = false := by
      refine none_any (fun r => mustDeny (mayVote facts tool r)) p.rules ?_
      intro r inside
      refine false_of_not ?_
      intro yes
      have x := mustDeny_sound (mayVote facts tool r) (vote tool env r) (mayVote_sound facts tool env r h) yes
      exact not_true (voted_of inside x) known.left
    exact and_intro (to_not noDeny) (may_voted facts tool env p.rules Vote.ask h known.right)
  | deny => rfl

/-! ## The ends of a tree -/

theorem sameBool_true (a : Bool) (h : a = true) : sameBool a true = true := by
  cases h
  rfl

theorem sameBool_false (a : Bool) (h : a = false) : sameBool a false = true := by
  cases h
  rfl

theorem excluded_sound (facts : List Fact) (p : Policy) (tool : Text) (allowed : Nat) (condition : Expr) (o : Outcome)
    (env : Env) (h : hold env facts = true)
    (k : env.atoms allowed = some (Outcome.isAllow (decide p tool env))) (decided : decide p tool env = o)
    (yes : excluded facts p tool allowed condition o = true) : ¬ Expr.eval condition env = some true := by
  intro here
  have told : env.atoms allowed = some (Outcome.isAllow o) := by
    rw [← decided]
    exact k
  have same : same3 (env.atoms allowed) (some (Outcome.isAllow o)) = true := by
    rw [told]
    exact same3_refl (some (Outcome.isAllow o))
  have more : hold env (Fact.mk (Expr.atom allowed) (some (Outcome.isAllow o)) true :: facts) = true :=
    and_intro (sameBool_true (same3 (env.atoms allowed) (some (Outcome.isAllow o))) same) h
  cases or_elim yes with
  | inl x => exact not_true (mayOutcome_sound _ p tool env o more decided) (of_not x)
  | inr x =>
    have open_ := may_sound _ env condition more
    rw [here] at open_
    exact not_true open_ (of_not x)

theorem closes_sound (facts : List Fact) (p : Policy) (tool : Text) (allowed : Nat) (every : Bool) (condition : Expr)
    (env : Env) (h : hold env facts = true) (k : env.atoms allowed = some (Outcome.isAllow (decide p tool env)))
    (c : Claim every (decide p tool env)) (yes : closes facts p tool allowed every condition = true) :
    ¬ Expr.eval condition env = some true := by
  have all : (excluded facts p tool allowed condition Outcome.allow &&
      (excluded facts p tool allowed condition Outcome.escalate &&
        (!every || excluded facts p tool allowed condition Outcome.deny))) = true := yes
  cases decided : decide p tool env with
  | allow => exact excluded_sound facts p tool allowed condition Outcome.allow env h k decided (and_left all)
  | escalate =>
    exact excluded_sound facts p tool allowed condition Outcome.escalate env h k decided (and_left (and_right all))
  | deny =>
    cases or_elim (and_right (and_right all)) with
    | inl x =>
      cases (show every = true ∨ ¬ decide p tool env = Outcome.deny from c) with
      | inl e => exact False.elim (not_true e (of_not x))
      | inr other => exact absurd decided other
    | inr x => exact excluded_sound facts p tool allowed condition Outcome.deny env h k decided x

theorem entails_sound (m : Option Bool → Bool) (a v : Option Bool) (h : m a = true) (k : entails m v = true) :
    a = v := by
  rcases v with _ | (_ | _)
  · have never : (!(m (some true) || m (some false))) = true := k
    rcases a with _ | (_ | _)
    · rfl
    · exact False.elim (not_true h (nor_right never))
    · exact False.elim (not_true h (nor_left never))
  · have never : (!(m none || m (some true))) = true := k
    rcases a with _ | (_ | _)
    · exact False.elim (not_true h (nor_left never))
    · rfl
    · exact False.elim (not_true h (nor_right never))
  · have never : (!(m none || m (some false))) = true := k
    rcases a with _ | (_ | _)
    · exact False.elim (not_true h (nor_left never))
    · exact False.elim (not_true h (nor_right never))
    · rfl

theorem nth_mem {α : Type} (l : List α) : ∀ (n : Nat) (x : α), nth l n = some x → List.Mem x l := by
  induction l with
  | nil =>
    intro n x h
    cases (show (none : Option α) = some x from h)
  | cons a t ih =>
    intro n x h
    cases n with
    | zero =>
      have same : a = x := Option.some.inj (show some a = some x from h)
      rw [← same]
      exact List.Mem.head t
    | succ n => exact List.Mem.tail a (ih n x h)

theorem blocked_sound (facts : List Fact) (hyps : List Clause) (n : Nat) (env : Env) (h : hold env facts = true)
    (r : Respects hyps env) : isBlocked facts (nth hyps n) = true → False := by
  intro k
  cases e : nth hyps n with
  | none =>
    rw [e] at k
    cases k
  | some c =>
    rw [e] at k
    have known : clauseKnown facts c = true := k
    have inside : List.Mem c hyps := nth_mem hyps n c e
    have holds : Clause.holds c env = true := by
      refine all_less (fun (l : Lit) => entails (may facts l.expr) l.value)
        (fun (l : Lit) => same3 (Expr.eval l.expr env) l.value) c ?_ known
      intro l x
      have equal := entails_sound (may facts l.expr) (Expr.eval l.expr env) l.value (may_sound facts env l.expr h) x
      show same3 (Expr.eval l.expr env) l.value = true
      rw [equal]
      exact same3_refl l.value
    exact not_true holds (r c inside)

/-! ## Comparisons that contradict each other -/

theorem known_holds (facts : List Fact) (env : Env) (k : Known) (h : hold env facts = true)
    (e : entails (may facts (Known.expr k)) (some (Known.claimed k)) = true) :
    Inequality.holds (Known.inequality k) (valuation env) := by
  cases k with
  | mk op a b value w =>
    have told : Expr.eval (Expr.cmp op a b) env = some (Known.claimed (Known.mk op a b value w)) :=
      entails_sound (may facts (Expr.cmp op a b)) (Expr.eval (Expr.cmp op a b) env)
        (some (Known.claimed (Known.mk op a b value w))) (may_sound facts env (Expr.cmp op a b) h) e
    obtain ⟨x, ex, y, ey, test⟩ := lift2_some (Cmp.test op) (Num.eval a env) (Num.eval b env)
      (Known.claimed (Known.mk op a b value w)) told
    refine inequality_holds op a b value w (valuation env) ?_
    rw [total_eval a env x ex, total_eval b env y ey]
    exact test

theorem combined_holds (facts : List Fact) (env : Env) (h : hold env facts = true) (sum : List Known)
    (k : allKnown facts sum = true) : Inequality.holds (combined sum) (valuation env) := by
  revert k
  induction sum with
  | nil => exact fun _ => atMost_refl _
  | cons a t ih =>
    intro k
    have both : (entails (may facts (Known.expr a)) (some (Known.claimed a)) && allKnown facts t) = true := k
    have here := known_holds facts env a h (and_left both)
    have rest := ih (and_right both)
    show AtMost
      (Form.value (Form.add (Form.scale (Known.weight a) (Known.inequality a).small) (combined t).small)
        (valuation env))
      (Form.value (Form.add (Form.scale (Known.weight a) (Known.inequality a).large) (combined t).large)
        (valuation env))
    rw [value_add (Form.scale (Known.weight a) (Known.inequality a).small) (combined t).small (valuation env),
      value_add (Form.scale (Known.weight a) (Known.inequality a).large) (combined t).large (valuation env),
      value_scale (Known.weight a) (Known.inequality a).small (valuation env),
      value_scale (Known.weight a) (Known.inequality a).large (valuation env)]
    exact atMost_add (atMost_mul (Known.weight a) here) rest

theorem linear_sound (facts : List Fact) (env : Env) (sum : List Known) (h : hold env facts = true)
    (k : linearClash facts sum = true) : False := by
  have both : (allKnown facts sum && impossible (combined sum)) = true := k
  exact impossible_sound (combined sum) (valuation env) (and_right both)
    (combined_holds facts env h sum (and_left both))

/-! ## A comparison with a value, and one of the same variables without -/

theorem lift1_none {α β : Type} (f : α → β) (a : Option α) (h : isNone (lift1 f a) = false) : isNone a = false := by
  cases a with
  | none => cases h
  | some _ => rfl

theorem lift2_left {α β γ : Type} (f : α → β → γ) (a : Option α) (b : Option β) (h : isNone (lift2 f a b) = false) :
    isNone a = false := by
  cases a with
  | none => cases h
  | some _ => rfl

theorem lift2_right {α β γ : Type} (f : α → β → γ) (a : Option α) (b : Option β) (h : isNone (lift2 f a b) = false) :
    isNone b = false := by
  cases a with
  | none => cases h
  | some x => exact lift1_none (f x) b h

theorem lift1_some_of {α β : Type} (f : α → β) (a : Option α) (h : isNone a = false) :
    isNone (lift1 f a) = false := by
  cases a with
  | none => cases h
  | some _ => rfl

theorem lift2_some_of {α β γ : Type} (f : α → β → γ) (a : Option α) (b : Option β) (h : isNone a = false)
    (k : isNone b = false) : isNone (lift2 f a b) = false := by
  cases a with
  | none => cases h
  | some x => exact lift1_some_of (f x) b k

theorem has_sound (a : Num) (env : Env) (i : Nat) (h : isNone (Num.eval a env) = false) :
    Num.has a i = true → isNone (env.nums i) = false := by
  revert h
  induction a with
  | lit n =>
    intro _ k
    cases k
  | var j =>
    intro h k
    rw [← Nat.same_eq j i k]
    exact lift1_none Diff.ofInt (env.nums j) h
  | add a b l r =>
    intro h k
    cases or_elim (show (Num.has a i || Num.has b i) = true from k) with
    | inl x => exact l (lift2_left Diff.add (Num.eval a env) (Num.eval b env) h) x
    | inr x => exact r (lift2_right Diff.add (Num.eval a env) (Num.eval b env) h) x
  | scale n a l =>
    intro h k
    exact l (lift1_none (Diff.scale n) (Num.eval a env) h) k

theorem within_sound (a : Num) (env : Env) (q : Nat → Bool) (h : ∀ i, q i = true → isNone (env.nums i) = false) :
    Num.within a q = true → isNone (Num.eval a env) = false := by
  induction a with
  | lit n => exact fun _ => rfl
  | var i => exact fun k => lift1_some_of Diff.ofInt (env.nums i) (h i k)
  | add a b l r =>
    intro k
    have both : (Num.within a q && Num.within b q) = true := k
    exact lift2_some_of Diff.add (Num.eval a env) (Num.eval b env) (l (and_left both)) (r (and_right both))
  | scale n a l => exact fun k => lift1_some_of (Diff.scale n) (Num.eval a env) (l k)

theorem Expr.has_sound (e : Expr) (env : Env) (i : Nat) (h : isNone (Expr.eval e env) = false) :
    Expr.has e i = true → isNone (env.nums i) = false := by
  intro k
  cases e with
  | cmp op a b =>
    cases or_elim (show (Num.has a i || Num.has b i) = true from k) with
    | inl x => exact Bartizan.has_sound a env i (lift2_left (Cmp.test op) (Num.eval a env) (Num.eval b env) h) x
    | inr x => exact Bartizan.has_sound b env i (lift2_right (Cmp.test op) (Num.eval a env) (Num.eval b env) h) x
  | among a items => exact Bartizan.has_sound a env i (lift1_none (Diff.among items) (Num.eval a env) h) k
  | _ => cases k

theorem Expr.within_sound (e : Expr) (env : Env) (q : Nat → Bool)
    (h : ∀ i, q i = true → isNone (env.nums i) = false) :
    Expr.within e q = true → isNone (Expr.eval e env) = false := by
  intro k
  cases e with
  | cmp op a b =>
    have both : (Num.within a q && Num.within b q) = true := k
    exact lift2_some_of (Cmp.test op) (Num.eval a env) (Num.eval b env)
      (Bartizan.within_sound a env q h (and_left both)) (Bartizan.within_sound b env q h (and_right both))
  | among a items => exact lift1_some_of (Diff.among items) (Num.eval a env) (Bartizan.within_sound a env q h k)
  | _ => cases k

theorem strict_sound (facts : List Fact) (env : Env) (known unknown : Expr) (h : hold env facts = true)
    (k : strictClash facts known unknown = true) : False := by
  have all : (!(may facts known none) &&
      (entails (may facts unknown) none && Expr.within unknown (Expr.has known))) = true := k
  have valued : isNone (Expr.eval known env) = false := by
    cases e : Expr.eval known env with
    | none =>
      have open_ := may_sound facts env known h
      rw [e] at open_
      exact False.elim (not_true open_ (of_not (and_left all)))
    | some _ => rfl
  have missing : Expr.eval unknown env = none :=
    entails_sound (may facts unknown) (Expr.eval unknown env) none (may_sound facts env unknown h)
      (and_left (and_right all))
  have other := Expr.within_sound unknown env (Expr.has known)
    (fun i => Expr.has_sound known env i valued) (and_right (and_right all))
  rw [missing] at other
  cases other

/-! ## Trees -/

theorem tree_sound (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (every : Bool) (condition : Expr)
    (env : Env) (r : Respects hyps env) (k : env.atoms allowed = some (Outcome.isAllow (decide p tool env)))
    (c : Claim every (decide p tool env)) (t : Tree) :
    ∀ (facts : List Fact), hold env facts = true →
      checkTree p hyps tool allowed every condition t facts = true → ¬ Expr.eval condition env = some true := by
  induction t with
  | leaf => exact fun facts h yes => closes_sound facts p tool allowed every condition env h k c yes
  | blocked n => exact fun facts h yes => False.elim (blocked_sound facts hyps n env h r yes)
  | strict known unknown => exact fun facts h yes => False.elim (strict_sound facts env known unknown h yes)
  | linear sum => exact fun facts h yes => False.elim (linear_sound facts env sum h yes)
  | split e v yes no f g =>
    intro facts h both
    have each : (checkTree p hyps tool allowed every condition yes (Fact.mk e v true :: facts) &&
        checkTree p hyps tool allowed every condition no (Fact.mk e v false :: facts)) = true := both
    cases side : same3 (Expr.eval e env) v with
    | true =>
      exact f (Fact.mk e v true :: facts) (and_intro (sameBool_true (same3 (Expr.eval e env) v) side) h)
        (and_left each)
    | false =>
      exact g (Fact.mk e v false :: facts) (and_intro (sameBool_false (same3 (Expr.eval e env) v) side) h)
        (and_right each)

/-- A tree that the checker accepts proves the claim, for every environment that respects the hypotheses. -/
theorem check_sound (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (every : Bool) (condition : Expr)
    (t : Tree) :
    check p hyps tool allowed every condition t = true → Never p hyps tool allowed every condition := by
  intro yes env r k c
  have same := index_slice_sound p tool env
  rw [← same] at k c
  exact tree_sound (Policy.slice tool p) hyps tool allowed every condition env r k c t [] rfl yes

end Bartizan
