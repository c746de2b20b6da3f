-- What holds of every policy's decisions.

theorem and_intro {a : Bool} {b : Bool} (h : a = Bool.true) (k : b = Bool.true) : and a b = Bool.true := rw [h, k]; rfl
theorem and_left {a : Bool} {b : Bool} (h : and a b = Bool.true) : a = Bool.true := auto [a]
theorem and_right {a : Bool} {b : Bool} (h : and a b = Bool.true) : b = Bool.true := auto [a, b]
theorem or_inl {a : Bool} {b : Bool} (h : a = Bool.true) : or a b = Bool.true := rw [h]; rfl
theorem or_inr {a : Bool} {b : Bool} (h : b = Bool.true) : or a b = Bool.true := auto [a, b]
theorem or_elim {a : Bool} {b : Bool} (h : or a b = Bool.true) : a = Bool.true ∨ b = Bool.true := auto [a, b]
theorem not_true {a : Bool} (h : a = Bool.true) (k : a = Bool.false) : False := auto [a]
theorem false_of_not {a : Bool} (h : ¬ a = Bool.true) : a = Bool.false :=
  match a with | false => rfl | true => absurd rfl h
theorem bool_cases (a : Bool) : a = Bool.true ∨ a = Bool.false := auto [a]

theorem Vote.beq_refl (v : Vote) : Vote.beq v v = Bool.true := auto [v]
theorem Vote.of_beq {a : Vote} {b : Vote} (h : Vote.beq a b = Bool.true) : a = b := auto [a, b]

theorem mem_cons {α : Type} {a : α} {b : α} {l : List α} (h : List.Mem a (b :: l)) : a = b ∨ List.Mem a l :=
  (@List.Mem.rec α a
    (fun whole _ => ∀ (b : α) (l : List α), whole = (b :: l) → a = b ∨ List.Mem a l)
    (fun as b l same => Or.inl (congrArg (fun (x : List α) => match x with | nil => a | cons h t => h) same))
    (fun c as inside ih b l same =>
      have rest : as = l := congrArg (fun (x : List α) => match x with | nil => l | cons h t => t) same;
      Or.inr (rw [← rest]; inside))
    (b :: l) h) b l rfl

theorem not_mem_nil {α : Type} {a : α} (h : List.Mem a []) : False :=
  (@List.Mem.rec α a (fun whole _ => whole = [] → False)
    (fun as same => auto) (fun c as inside ih same => auto) [] h) rfl

theorem any_of_mem {α : Type} (p : α → Bool) (l : List α) (x : α) (h : List.Mem x l) (k : p x = Bool.true) :
    List.any l p = Bool.true :=
  @List.Mem.rec α x (fun l _ => List.any l p = Bool.true)
    (fun as => or_inl k) (fun b as inside ih => or_inr ih) l h

theorem mem_of_any {α : Type} (p : α → Bool) (l : List α) : List.any l p = Bool.true →
    ∃ x, List.Mem x l ∧ p x = Bool.true :=
  match l with
  | nil => fun h => auto
  | cons a t ih => fun h => Or.elim (or_elim h)
    (fun here => Exists.intro a (And.intro (List.Mem.head t) here))
    (fun later => match ih later with
      | intro x both => Exists.intro x (And.intro (List.Mem.tail a both.left) both.right))

theorem any_false {α : Type} (p : α → Bool) (l : List α) (x : α) (h : List.Mem x l) (k : List.any l p = Bool.false) :
    p x = Bool.false := false_of_not (fun yes => not_true (any_of_mem p l x h yes) k)

theorem none_any {α : Type} (p : α → Bool) (l : List α) (h : ∀ x, List.Mem x l → p x = Bool.false) :
    List.any l p = Bool.false :=
  false_of_not (fun yes => match mem_of_any p l yes with
    | intro x both => not_true both.right (h x both.left))

-- Two lists with the same members have a member with a property, or both have none.
theorem any_same {α : Type} (p : α → Bool) (l : List α) (m : List α) (h : ∀ x, List.Mem x l ↔ List.Mem x m) :
    List.any l p = List.any m p :=
  Or.elim (bool_cases (List.any l p))
    (fun yes => match mem_of_any p l yes with
      | intro x both => rw [yes, any_of_mem p m x ((h x).mp both.left) both.right]; rfl)
    (fun no => rw [no, none_any p m (fun x inside => any_false p l x ((h x).mpr inside) no)]; rfl)

theorem voted_of {v : Vote} {tool : Text} {env : Env} {l : List Rule} {r : Rule} (h : List.Mem r l)
    (k : vote tool env r = v) : voted v tool env l = Bool.true :=
  any_of_mem (fun r => Vote.beq v (vote tool env r)) l r h (show Vote.beq v (vote tool env r) = Bool.true; rw [k]; Vote.beq_refl v)

theorem of_voted {v : Vote} {tool : Text} {env : Env} {l : List Rule} (h : voted v tool env l = Bool.true) :
    ∃ r, List.Mem r l ∧ vote tool env r = v :=
  match mem_of_any (fun r => Vote.beq v (vote tool env r)) l h with
  | intro r both => Exists.intro r (And.intro both.left (Eq.symm (Vote.of_beq both.right)))

theorem not_voted {v : Vote} {tool : Text} {env : Env} {l : List Rule} (h : voted v tool env l = Bool.false) (r : Rule)
    (k : List.Mem r l) (same : vote tool env r = v) : False := not_true (voted_of k same) h

theorem none_voted {v : Vote} {tool : Text} {env : Env} {l : List Rule}
    (h : ∀ r, List.Mem r l → vote tool env r = v → False) : voted v tool env l = Bool.false :=
  false_of_not (fun yes => match of_voted yes with | intro r both => h r both.left both.right)

theorem outcome_allow {d : Bool} {a : Bool} {p : Bool} (h : outcome d a p = Outcome.allow) :
    d = Bool.false ∧ (a = Bool.false ∧ p = Bool.true) := auto [d, a, p]
theorem outcome_escalate {d : Bool} {a : Bool} {p : Bool} (h : outcome d a p = Outcome.escalate) :
    d = Bool.false ∧ a = Bool.true := auto [d, a, p]
theorem outcome_deny {d : Bool} {a : Bool} {p : Bool} (h : outcome d a p = Outcome.deny) :
    d = Bool.true ∨ (a = Bool.false ∧ p = Bool.false) := auto [d, a, p]

theorem deny_overrides (p : Policy) (tool : Text) (env : Env) (r : Rule) :
    List.Mem r p.rules → vote tool env r = Vote.deny → decide p tool env = Outcome.deny :=
  fun inside denies =>
    show outcome (voted Vote.deny tool env p.rules) (voted Vote.ask tool env p.rules) (voted Vote.permit tool env p.rules)
      = Outcome.deny;
    rw [voted_of inside denies]; rfl

theorem default_deny (p : Policy) (tool : Text) (env : Env) :
    (∀ r, List.Mem r p.rules → vote tool env r = Vote.silent) → decide p tool env = Outcome.deny :=
  fun silent =>
    have none : ∀ (v : Vote), (v = Vote.silent → False) → voted v tool env p.rules = Bool.false :=
      (fun v other => none_voted (fun r inside same => other (Eq.trans (Eq.symm same) (silent r inside))));
    show outcome (voted Vote.deny tool env p.rules) (voted Vote.ask tool env p.rules) (voted Vote.permit tool env p.rules)
      = Outcome.deny;
    rw [none Vote.ask (fun h => auto), none Vote.permit (fun h => auto)];
    auto [voted Vote.deny tool env p.rules]

theorem allow_needs_permit (p : Policy) (tool : Text) (env : Env) : decide p tool env = Outcome.allow →
    ∃ r, List.Mem r p.rules ∧ vote tool env r = Vote.permit :=
  fun allowed => of_voted (outcome_allow allowed).right.right

def Policy.add (r : Rule) (p : Policy) : Policy := Policy.mk p.header p.leaves (r :: p.rules)

-- Neither asks nor permits, unless softened.
theorem deny_rule_votes (tool : Text) (env : Env) (r : Rule) (h : r.effect = Effect.deny) :
    vote tool env r = Vote.permit → False :=
  have claim : ∀ (applies : Bool) (missing : Bool) (value : Option Bool),
      cond applies (votes Effect.deny missing value) Vote.silent = Vote.permit → False :=
    (fun applies missing value => auto [applies, value, missing]);
  show cond (r.applies tool) (votes r.effect (r.missing env) (Expr.eval r.cond env)) Vote.silent = Vote.permit → False;
  rw [h]; claim (r.applies tool) (r.missing env) (Expr.eval r.cond env)

theorem hard_deny_rule_votes (tool : Text) (env : Env) (r : Rule) (h : r.effect = Effect.deny) (hard : r.soft = []) :
    vote tool env r = Vote.ask → False :=
  have claim : ∀ (applies : Bool) (value : Option Bool),
      cond applies (votes Effect.deny Bool.false value) Vote.silent = Vote.ask → False :=
    (fun applies value => auto [applies, value]);
  have no : r.missing env = Bool.false :=
    (show List.any r.soft (fun i => isNone (env.nums i)) = Bool.false; rw [hard]; rfl);
  show cond (r.applies tool) (votes r.effect (r.missing env) (Expr.eval r.cond env)) Vote.silent = Vote.ask → False;
  rw [h, no]; claim (r.applies tool) (Expr.eval r.cond env)

theorem or_false_left {a : Bool} {b : Bool} (h : or a b = Bool.false) : a = Bool.false := auto [a]
theorem or_false_right {a : Bool} {b : Bool} (h : or a b = Bool.false) : b = Bool.false := auto [a]
theorem or_only_right {a : Bool} {b : Bool} (h : or a b = Bool.true) (k : a = Bool.true → False) : b = Bool.true :=
  Or.elim (or_elim h) (fun x => match k x with) (fun x => x)

theorem allow_antitone_add_deny (p : Policy) (tool : Text) (env : Env) (r : Rule) : r.effect = Effect.deny →
    decide (Policy.add r p) tool env = Outcome.allow → decide p tool env = Outcome.allow :=
  fun denies allowed =>
    have known : voted Vote.deny tool env (r :: p.rules) = Bool.false ∧
        (voted Vote.ask tool env (r :: p.rules) = Bool.false ∧ voted Vote.permit tool env (r :: p.rules) = Bool.true) :=
      outcome_allow allowed;
    have no : voted Vote.deny tool env p.rules = Bool.false := or_false_right known.left;
    have unasked : voted Vote.ask tool env p.rules = Bool.false := or_false_right known.right.left;
    have permitted : voted Vote.permit tool env p.rules = Bool.true :=
      or_only_right known.right.right (fun x => deny_rule_votes tool env r denies (Eq.symm (Vote.of_beq x)));
    show outcome (voted Vote.deny tool env p.rules) (voted Vote.ask tool env p.rules) (voted Vote.permit tool env p.rules)
      = Outcome.allow;
    rw [no, unasked, permitted]; rfl

theorem deny_mono_add_deny (p : Policy) (tool : Text) (env : Env) (r : Rule) : r.effect = Effect.deny → r.soft = [] →
    decide p tool env = Outcome.deny → decide (Policy.add r p) tool env = Outcome.deny :=
  fun denies hard denied =>
    have claim : ∀ (d : Bool) (a : Bool) (q : Bool) (x : Bool),
        outcome d a q = Outcome.deny → outcome (x || d) a q = Outcome.deny :=
      (fun d a q x => auto [x, d, a, q]);
    have unasked : Vote.beq Vote.ask (vote tool env r) = Bool.false :=
      false_of_not (fun x => hard_deny_rule_votes tool env r denies hard (Eq.symm (Vote.of_beq x)));
    have unpermitted : Vote.beq Vote.permit (vote tool env r) = Bool.false :=
      false_of_not (fun x => deny_rule_votes tool env r denies (Eq.symm (Vote.of_beq x)));
    show outcome (Vote.beq Vote.deny (vote tool env r) || voted Vote.deny tool env p.rules)
        (Vote.beq Vote.ask (vote tool env r) || voted Vote.ask tool env p.rules)
        (Vote.beq Vote.permit (vote tool env r) || voted Vote.permit tool env p.rules) = Outcome.deny;
    rw [unasked, unpermitted];
    claim (voted Vote.deny tool env p.rules) (voted Vote.ask tool env p.rules) (voted Vote.permit tool env p.rules)
      (Vote.beq Vote.deny (vote tool env r)) denied

theorem order_and_dup_independent (p : Policy) (q : Policy) (tool : Text) (env : Env) :
    (∀ r, List.Mem r p.rules ↔ List.Mem r q.rules) → decide p tool env = decide q tool env :=
  fun same =>
    have votes_same : ∀ (v : Vote), voted v tool env p.rules = voted v tool env q.rules :=
      (fun v => any_same (fun r => Vote.beq v (vote tool env r)) p.rules q.rules same);
    show outcome (voted Vote.deny tool env p.rules) (voted Vote.ask tool env p.rules) (voted Vote.permit tool env p.rules)
      = decide q tool env;
    rw [votes_same Vote.deny, votes_same Vote.ask, votes_same Vote.permit]; rfl
