-- Claims about a policy, and the certificates that a computation checks.

structure Lit : Type := (expr : Expr) (value : Option Bool)

def Clause : Type := List Lit

def sameBool (a : Bool) (b : Bool) : Bool := cond a b (not b)

def same3 (a : Option Bool) (b : Option Bool) : Bool :=
  match a with
  | none => isNone b
  | some x => (match b with | none => Bool.false | some y => sameBool x y)

def Clause.holds (c : Clause) (env : Env) : Bool := @List.all Lit c (fun l => same3 (Expr.eval l.expr env) l.value)

def Respects (hyps : List Clause) (env : Env) : Prop := ∀ (c : Clause), List.Mem c hyps → Clause.holds c env = Bool.false

def Claim (every : Bool) (o : Outcome) : Prop := every = Bool.true ∨ ¬ o = Outcome.deny

def Never (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (every : Bool) (cond : Expr) : Prop :=
  ∀ (env : Env), Respects hyps env → env.atoms allowed = Option.some (Outcome.isAllow (decide p tool env)) →
    Claim every (decide p tool env) → ¬ Expr.eval cond env = Option.some Bool.true

inductive Known : Type
| mk (op : Cmp) (a : Num) (b : Num) (value : Bool) (weight : Nat)

inductive Tree : Type
| leaf
| blocked (hyp : Nat)
| strict (known : Expr) (unknown : Expr)
| linear (sum : List Known)
| split (e : Expr) (v : Option Bool) (yes : Tree) (no : Tree)

-- When two comparisons, or two atoms, are the same.

def Int.same (a : Int) (b : Int) : Bool :=
  match a with
  | ofNat m => (match b with | ofNat n => Nat.beq m n | negSucc n => Bool.false)
  | negSucc m => (match b with | ofNat n => Bool.false | negSucc n => Nat.beq m n)

def Num.same (a : Num) : Num → Bool :=
  match a with
  | lit m => fun b => (match b with | lit n => Int.same m n | _ => Bool.false)
  | var i => fun b => (match b with | var j => Nat.beq i j | _ => Bool.false)
  | add l r f g => fun b => (match b with | add s t => f s && g t | _ => Bool.false)
  | scale k l f => fun b => (match b with | scale j s => Int.same k j && f s | _ => Bool.false)

def Items.same (a : List Int) : List Int → Bool :=
  match a with
  | nil => fun b => (match b with | nil => Bool.true | cons y r => Bool.false)
  | cons x l ih => fun b => (match b with | nil => Bool.false | cons y r => Int.same x y && ih r)

def Cmp.same (a : Cmp) (b : Cmp) : Bool :=
  match a with
  | eq => (match b with | eq => Bool.true | _ => Bool.false)
  | lt => (match b with | lt => Bool.true | _ => Bool.false)
  | le => (match b with | le => Bool.true | _ => Bool.false)

def Expr.same (a : Expr) (b : Expr) : Bool :=
  match a with
  | atom i => (match b with | atom j => Nat.beq i j | _ => Bool.false)
  | cmp op l r => (match b with | cmp op2 s t => Cmp.same op op2 && (Num.same l s && Num.same r t) | _ => Bool.false)
  | among l xs => (match b with | among s ys => Num.same l s && Items.same xs ys | _ => Bool.false)
  | _ => Bool.false

theorem Nat.same_eq (a : Nat) : ∀ (b : Nat), Nat.beq a b = Bool.true → a = b :=
  match a with
  | zero => fun b => (match b with | zero => fun h => rfl | succ n => fun h => auto)
  | succ m ih => fun b => (match b with | zero => fun h => auto | succ n => fun h => congrArg Nat.succ (ih n h))

theorem Int.same_eq (a : Int) (b : Int) : Int.same a b = Bool.true → a = b :=
  match a with
  | ofNat m => (match b with | ofNat n => fun h => congrArg Int.ofNat (Nat.same_eq m n h) | negSucc n => fun h => auto)
  | negSucc m => (match b with | ofNat n => fun h => auto | negSucc n => fun h => congrArg Int.negSucc (Nat.same_eq m n h))

theorem Num.same_eq (a : Num) : ∀ (b : Num), Num.same a b = Bool.true → a = b :=
  match a with
  | lit m => fun b => (match b with | lit n => fun h => congrArg Num.lit (Int.same_eq m n h) | _ => fun h => auto)
  | var i => fun b => (match b with | var j => fun h => congrArg Num.var (Nat.same_eq i j h) | _ => fun h => auto)
  | add l r f g => fun b => (match b with
    | add s t => fun h => rw [f s (and_left h), g t (and_right h)]; rfl
    | _ => fun h => auto)
  | scale k l f => fun b => (match b with
    | scale j s => fun h => rw [Int.same_eq k j (and_left h), f s (and_right h)]; rfl
    | _ => fun h => auto)

theorem Items.same_eq (a : List Int) : ∀ (b : List Int), Items.same a b = Bool.true → a = b :=
  match a with
  | nil => fun b => (match b with | nil => fun h => rfl | cons y r => fun h => auto)
  | cons x l ih => fun b => (match b with
    | nil => fun h => auto
    | cons y r => fun h => rw [Int.same_eq x y (and_left h), ih r (and_right h)]; rfl)

theorem Cmp.same_eq (a : Cmp) (b : Cmp) : Cmp.same a b = Bool.true → a = b := auto [a, b]

theorem Expr.same_eq (a : Expr) (b : Expr) : Expr.same a b = Bool.true → a = b :=
  match a with
  | atom i => (match b with | atom j => fun h => congrArg Expr.atom (Nat.same_eq i j h) | _ => fun h => auto)
  | cmp op l r => (match b with
    | cmp op2 s t => fun h => rw [Cmp.same_eq op op2 (and_left h), Num.same_eq l s (and_left (and_right h)),
        Num.same_eq r t (and_right (and_right h))]; rfl
    | _ => fun h => auto)
  | among l xs => (match b with
    | among s ys => fun h => rw [Num.same_eq l s (and_left h), Items.same_eq xs ys (and_right h)]; rfl
    | _ => fun h => auto)
  | _ => fun h => auto

-- What is known on a branch, and which values that leaves open.

structure Fact : Type := (expr : Expr) (value : Option Bool) (yes : Bool)

def Fact.holds (env : Env) (f : Fact) : Bool := sameBool (same3 (Expr.eval f.expr env) f.value) f.yes

def Fact.allows (e : Expr) (v : Option Bool) (f : Fact) : Bool :=
  cond (Expr.same f.expr e) (sameBool (same3 v f.value) f.yes) Bool.true

def hold (env : Env) (facts : List Fact) : Bool := List.all facts (Fact.holds env)

def mayLeaf (facts : List Fact) (e : Expr) (v : Option Bool) : Bool := List.all facts (Fact.allows e v)

def mayAnd (f : Option Bool → Bool) (g : Option Bool → Bool) (v : Option Bool) : Bool :=
  match v with
  | none => (f Option.none && (g Option.none || g (Option.some Bool.true))) || (f (Option.some Bool.true) && g Option.none)
  | some x => cond x (f (Option.some Bool.true) && g (Option.some Bool.true))
      (f (Option.some Bool.false) || g (Option.some Bool.false))

def mayOr (f : Option Bool → Bool) (g : Option Bool → Bool) (v : Option Bool) : Bool :=
  match v with
  | none => (f Option.none && (g Option.none || g (Option.some Bool.false))) || (f (Option.some Bool.false) && g Option.none)
  | some x => cond x (f (Option.some Bool.true) || g (Option.some Bool.true))
      (f (Option.some Bool.false) && g (Option.some Bool.false))

def mayIte (f : Option Bool → Bool) (g : Option Bool → Bool) (h : Option Bool → Bool) (v : Option Bool) : Bool :=
  (f (Option.some Bool.true) && g v) || ((f (Option.some Bool.false) && h v) || (f Option.none && isNone v))

def may (facts : List Fact) (e : Expr) : Option Bool → Bool :=
  match e with
  | lit b => same3 (Option.some b)
  | atom i => mayLeaf facts (Expr.atom i)
  | not a f => fun v => f (not3 v)
  | and a b f g => mayAnd f g
  | or a b f g => mayOr f g
  | ite c a b f g h => mayIte f g h
  | cmp op a b => mayLeaf facts (Expr.cmp op a b)
  | among a items => mayLeaf facts (Expr.among a items)

theorem all_less {α : Type} (p : α → Bool) (q : α → Bool) (l : List α) (h : ∀ x, p x = Bool.true → q x = Bool.true) :
    List.all l p = Bool.true → List.all l q = Bool.true :=
  match l with
  | nil => fun k => rfl
  | cons a t ih => fun k => and_intro (h a (and_left k)) (ih (and_right k))

theorem mayLeaf_sound (facts : List Fact) (env : Env) (e : Expr) (h : hold env facts = Bool.true) :
    mayLeaf facts e (Expr.eval e env) = Bool.true :=
  all_less (Fact.holds env) (Fact.allows e (Expr.eval e env)) facts
    (fun f known =>
      show cond (Expr.same f.expr e) (sameBool (same3 (Expr.eval e env) f.value) f.yes) Bool.true = Bool.true;
      match s : Expr.same f.expr e with
      | false => rfl
      | true => (show sameBool (same3 (Expr.eval e env) f.value) f.yes = Bool.true;
          rw [← Expr.same_eq f.expr e s]; known)) h

theorem same3_refl (a : Option Bool) : same3 a a = Bool.true := auto [a]
theorem same3_eq (a : Option Bool) (b : Option Bool) : same3 a b = Bool.true → a = b := auto [a, b]
theorem not3_not3 (a : Option Bool) : not3 (not3 a) = a := auto [a]

theorem mayAnd_sound (f : Option Bool → Bool) (g : Option Bool → Bool) (a : Option Bool) (b : Option Bool)
    (h : f a = Bool.true) (k : g b = Bool.true) : mayAnd f g (and3 a b) = Bool.true :=
  match a with
  | none => (match b with
    | none => or_inl (and_intro h (or_inl k))
    | some y => (match y with | true => or_inl (and_intro h (or_inr k)) | false => or_inr k))
  | some x => (match x with
    | false => or_inl h
    | true => (match b with
      | none => or_inr (and_intro h k)
      | some y => (match y with | true => and_intro h k | false => or_inr k)))

theorem mayOr_sound (f : Option Bool → Bool) (g : Option Bool → Bool) (a : Option Bool) (b : Option Bool)
    (h : f a = Bool.true) (k : g b = Bool.true) : mayOr f g (or3 a b) = Bool.true :=
  match a with
  | none => (match b with
    | none => or_inl (and_intro h (or_inl k))
    | some y => (match y with | true => or_inr k | false => or_inl (and_intro h (or_inr k))))
  | some x => (match x with
    | true => or_inl h
    | false => (match b with
      | none => or_inr (and_intro h k)
      | some y => (match y with | true => or_inr k | false => and_intro h k)))

theorem mayIte_sound (f : Option Bool → Bool) (g : Option Bool → Bool) (k : Option Bool → Bool) (c : Option Bool)
    (a : Option Bool) (b : Option Bool) (x : f c = Bool.true) (y : g a = Bool.true) (z : k b = Bool.true) :
    mayIte f g k (ite3 c a b) = Bool.true :=
  match c with
  | none => or_inr (or_inr (and_intro x rfl))
  | some v => (match v with
    | true => or_inl (and_intro x y)
    | false => or_inr (or_inl (and_intro x z)))

theorem may_sound (facts : List Fact) (env : Env) (e : Expr) (h : hold env facts = Bool.true) :
    may facts e (Expr.eval e env) = Bool.true :=
  match e with
  | lit b => same3_refl (Option.some b)
  | atom i => mayLeaf_sound facts env (Expr.atom i) h
  | not a f => (show may facts a (not3 (not3 (Expr.eval a env))) = Bool.true; rw [not3_not3 (Expr.eval a env)]; f)
  | and a b f g => mayAnd_sound (may facts a) (may facts b) (Expr.eval a env) (Expr.eval b env) f g
  | or a b f g => mayOr_sound (may facts a) (may facts b) (Expr.eval a env) (Expr.eval b env) f g
  | ite c a b f g k => mayIte_sound (may facts c) (may facts a) (may facts b) (Expr.eval c env) (Expr.eval a env)
      (Expr.eval b env) f g k
  | cmp op a b => mayLeaf_sound facts env (Expr.cmp op a b) h
  | among a items => mayLeaf_sound facts env (Expr.among a items) h

-- Which votes, and which outcomes, what is known leaves open.

def mayVotes (effect : Effect) (soft : Bool) (m : Option Bool → Bool) (v : Vote) : Bool :=
  match effect with
  | allow => (match v with
    | permit => m (Option.some Bool.true)
    | silent => m Option.none || m (Option.some Bool.false)
    | _ => Bool.false)
  | deny => (match v with
    | deny => m (Option.some Bool.true) || m Option.none
    | ask => soft && m Option.none
    | silent => m (Option.some Bool.false)
    | permit => Bool.false)
  | escalate => (match v with
    | ask => m (Option.some Bool.true) || m Option.none
    | silent => m (Option.some Bool.false)
    | _ => Bool.false)
  | redact => Vote.beq Vote.silent v
  | label => Vote.beq Vote.silent v

def Rule.isSoft (r : Rule) : Bool := match r.soft with | nil => Bool.false | cons i t => Bool.true

def mayVote (facts : List Fact) (tool : Text) (r : Rule) (v : Vote) : Bool :=
  cond (r.applies tool) (mayVotes r.effect r.isSoft (may facts r.cond) v) (Vote.beq Vote.silent v)

def mustDeny (m : Vote → Bool) : Bool := not (m Vote.ask || (m Vote.permit || m Vote.silent))
def mustStop (m : Vote → Bool) : Bool := not (m Vote.permit || m Vote.silent)

def mayOutcome (facts : List Fact) (tool : Text) (rules : List Rule) (o : Outcome) : Bool :=
  match o with
  | allow => not (List.any rules (fun r => mustStop (mayVote facts tool r))) &&
      List.any rules (fun r => mayVote facts tool r Vote.permit)
  | escalate => not (List.any rules (fun r => mustDeny (mayVote facts tool r))) &&
      List.any rules (fun r => mayVote facts tool r Vote.ask)
  | deny => Bool.true

theorem mayVotes_sound (effect : Effect) (soft : Bool) (missing : Bool) (m : Option Bool → Bool) (a : Option Bool)
    (s : missing = Bool.true → soft = Bool.true) (h : m a = Bool.true) :
    mayVotes effect soft m (votes effect missing a) = Bool.true :=
  match effect with
  | allow => (match a with
    | none => or_inl h
    | some x => (match x with | true => h | false => or_inr h))
  | deny => (match a with
    | none => (match missing with | true => and_intro (s rfl) h | false => or_inr h)
    | some x => (match x with | true => or_inl h | false => h))
  | escalate => (match a with
    | none => or_inr h
    | some x => (match x with | true => or_inl h | false => h))
  | redact => rfl
  | label => rfl

theorem missing_soft (r : Rule) (env : Env) : r.missing env = Bool.true → r.isSoft = Bool.true :=
  show List.any r.soft (fun i => isNone (env.nums i)) = Bool.true →
    (match r.soft with | nil => Bool.false | cons i t => Bool.true) = Bool.true;
  match r.soft with | nil => fun h => auto | cons i t => fun h => rfl

theorem mayVote_sound (facts : List Fact) (tool : Text) (env : Env) (r : Rule) (h : hold env facts = Bool.true) :
    mayVote facts tool r (vote tool env r) = Bool.true :=
  have claim : ∀ (t : Bool) (v : Vote), mayVotes r.effect r.isSoft (may facts r.cond) v = Bool.true →
      cond t (mayVotes r.effect r.isSoft (may facts r.cond) (cond t v Vote.silent))
        (Vote.beq Vote.silent (cond t v Vote.silent)) = Bool.true :=
    (fun t v k => match t with | true => k | false => rfl);
  claim (r.applies tool) (votes r.effect (r.missing env) (Expr.eval r.cond env))
    (mayVotes_sound r.effect r.isSoft (r.missing env) (may facts r.cond) (Expr.eval r.cond env) (missing_soft r env)
      (may_sound facts env r.cond h))

theorem nor_left {a : Bool} {b : Bool} (h : not (a || b) = Bool.true) : a = Bool.false := auto [a]
theorem nor_right {a : Bool} {b : Bool} (h : not (a || b) = Bool.true) : b = Bool.false := auto [a, b]
theorem of_not {a : Bool} (h : not a = Bool.true) : a = Bool.false := auto [a]
theorem to_not {a : Bool} (h : a = Bool.false) : not a = Bool.true := rw [h]; rfl

theorem mustStop_sound (m : Vote → Bool) (v : Vote) (h : m v = Bool.true) (k : mustStop m = Bool.true) :
    v = Vote.deny ∨ v = Vote.ask :=
  match v with
  | deny => Or.inl rfl
  | ask => Or.inr rfl
  | permit => absurd h (fun x => not_true x (nor_left k))
  | silent => absurd h (fun x => not_true x (nor_right k))

theorem mustDeny_sound (m : Vote → Bool) (v : Vote) (h : m v = Bool.true) (k : mustDeny m = Bool.true) : v = Vote.deny :=
  match v with
  | deny => rfl
  | ask => absurd h (fun x => not_true x (nor_left k))
  | permit => absurd h (fun x => not_true x (or_false_left (nor_right k)))
  | silent => absurd h (fun x => not_true x (or_false_right (nor_right k)))

theorem may_voted (facts : List Fact) (tool : Text) (env : Env) (rules : List Rule) (v : Vote) (h : hold env facts = Bool.true)
    (k : voted v tool env rules = Bool.true) : List.any rules (fun r => mayVote facts tool r v) = Bool.true :=
  match of_voted k with
  | intro r both => any_of_mem (fun r => mayVote facts tool r v) rules r both.left
      (show mayVote facts tool r v = Bool.true; rw [← both.right]; mayVote_sound facts tool env r h)

theorem mayOutcome_sound (facts : List Fact) (p : Policy) (tool : Text) (env : Env) (o : Outcome)
    (h : hold env facts = Bool.true) : decide p tool env = o → mayOutcome facts tool p.rules o = Bool.true :=
  match o with
  | allow => fun is =>
    have known : voted Vote.deny tool env p.rules = Bool.false ∧
        (voted Vote.ask tool env p.rules = Bool.false ∧ voted Vote.permit tool env p.rules = Bool.true) := outcome_allow is;
    and_intro
      (to_not (none_any (fun r => mustStop (mayVote facts tool r)) p.rules (fun r inside => false_of_not (fun yes =>
        Or.elim (mustStop_sound (mayVote facts tool r) (vote tool env r) (mayVote_sound facts tool env r h) yes)
          (fun x => not_voted known.left r inside x) (fun x => not_voted known.right.left r inside x)))))
      (may_voted facts tool env p.rules Vote.permit h known.right.right)
  | escalate => fun is =>
    have known : voted Vote.deny tool env p.rules = Bool.false ∧ voted Vote.ask tool env p.rules = Bool.true :=
      outcome_escalate is;
    and_intro
      (to_not (none_any (fun r => mustDeny (mayVote facts tool r)) p.rules (fun r inside => false_of_not (fun yes =>
        not_voted known.left r inside
          (mustDeny_sound (mayVote facts tool r) (vote tool env r) (mayVote_sound facts tool env r h) yes)))))
      (may_voted facts tool env p.rules Vote.ask h known.right)
  | deny => fun is => rfl

-- The leaves of a tree.

def excluded (facts : List Fact) (p : Policy) (tool : Text) (allowed : Nat) (cond : Expr) (o : Outcome) : Bool :=
  (fun (more : List Fact) => not (mayOutcome more tool p.rules o) || not (may more cond (Option.some Bool.true)))
    (Fact.mk (Expr.atom allowed) (Option.some (Outcome.isAllow o)) Bool.true :: facts)

def closes (facts : List Fact) (p : Policy) (tool : Text) (allowed : Nat) (every : Bool) (cond : Expr) : Bool :=
  excluded facts p tool allowed cond Outcome.allow && (excluded facts p tool allowed cond Outcome.escalate &&
    (not every || excluded facts p tool allowed cond Outcome.deny))

theorem sameBool_true (a : Bool) (h : a = Bool.true) : sameBool a Bool.true = Bool.true := auto [a]

theorem excluded_sound (facts : List Fact) (p : Policy) (tool : Text) (allowed : Nat) (cond : Expr) (o : Outcome) (env : Env)
    (h : hold env facts = Bool.true) (k : env.atoms allowed = Option.some (Outcome.isAllow (decide p tool env)))
    (is : decide p tool env = o) (yes : excluded facts p tool allowed cond o = Bool.true) :
    ¬ Expr.eval cond env = Option.some Bool.true :=
  fun true_here =>
    have told : env.atoms allowed = Option.some (Outcome.isAllow o) := (rw [← is]; k);
    have more : hold env (Fact.mk (Expr.atom allowed) (Option.some (Outcome.isAllow o)) Bool.true :: facts) = Bool.true :=
      and_intro (sameBool_true (same3 (env.atoms allowed) (Option.some (Outcome.isAllow o)))
        (show same3 (env.atoms allowed) (Option.some (Outcome.isAllow o)) = Bool.true;
          rw [told]; same3_refl (Option.some (Outcome.isAllow o)))) h;
    Or.elim (or_elim yes)
      (fun x => not_true (mayOutcome_sound _ p tool env o more is) (of_not x))
      (fun x => not_true (show may (Fact.mk (Expr.atom allowed) (Option.some (Outcome.isAllow o)) Bool.true :: facts) cond
          (Option.some Bool.true) = Bool.true; rw [← true_here]; may_sound _ env cond more) (of_not x))

theorem closes_sound (facts : List Fact) (p : Policy) (tool : Text) (allowed : Nat) (every : Bool) (cond : Expr) (env : Env)
    (h : hold env facts = Bool.true) (k : env.atoms allowed = Option.some (Outcome.isAllow (decide p tool env)))
    (c : Claim every (decide p tool env)) (yes : closes facts p tool allowed every cond = Bool.true) :
    ¬ Expr.eval cond env = Option.some Bool.true :=
  have by_outcome : ∀ (o : Outcome), decide p tool env = o → ¬ Expr.eval cond env = Option.some Bool.true :=
    (fun o => match o with
      | allow => fun is => excluded_sound facts p tool allowed cond Outcome.allow env h k is (and_left yes)
      | escalate => fun is => excluded_sound facts p tool allowed cond Outcome.escalate env h k is (and_left (and_right yes))
      | deny => fun is => excluded_sound facts p tool allowed cond Outcome.deny env h k is
          (Or.elim (or_elim (and_right (and_right yes)))
            (fun x => Or.elim c (fun e => absurd e (fun e => not_true e (of_not x))) (fun other => absurd is other))
            (fun x => x)));
  by_outcome (decide p tool env) rfl

-- A value that is the only one left.

def entails (m : Option Bool → Bool) (v : Option Bool) : Bool :=
  match v with
  | none => not (m (Option.some Bool.true) || m (Option.some Bool.false))
  | some x => cond x (not (m Option.none || m (Option.some Bool.false))) (not (m Option.none || m (Option.some Bool.true)))

theorem entails_sound (m : Option Bool → Bool) (a : Option Bool) (v : Option Bool) (h : m a = Bool.true)
    (k : entails m v = Bool.true) : a = v :=
  match v with
  | none => (match a with
    | none => rfl
    | some y => (match y with
      | true => absurd h (fun x => not_true x (nor_left k))
      | false => absurd h (fun x => not_true x (nor_right k))))
  | some x => (match x with
    | true => (match a with
      | none => absurd h (fun x => not_true x (nor_left k))
      | some y => (match y with | true => rfl | false => absurd h (fun x => not_true x (nor_right k))))
    | false => (match a with
      | none => absurd h (fun x => not_true x (nor_left k))
      | some y => (match y with | false => rfl | true => absurd h (fun x => not_true x (nor_right k)))))

def nth {α : Type} (l : List α) : Nat → Option α :=
  match l with
  | nil => fun n => Option.none
  | cons a t ih => fun n => (match n with | zero => Option.some a | succ n => ih n)

theorem nth_mem {α : Type} (l : List α) : ∀ (n : Nat) (x : α), nth l n = Option.some x → List.Mem x l :=
  match l with
  | nil => fun n x h => auto
  | cons a t ih => fun n => (match n with
    | zero => fun x h => (have same : a = x := some_inj h; rw [← same]; List.Mem.head t)
    | succ n => fun x h => List.Mem.tail a (ih n x h))

def clauseKnown (facts : List Fact) (c : Clause) : Bool := @List.all Lit c (fun l => entails (may facts l.expr) l.value)

def isBlocked (facts : List Fact) (hyp : Option Clause) : Bool :=
  match hyp with | none => Bool.false | some c => clauseKnown facts c

theorem blocked_sound (facts : List Fact) (hyps : List Clause) (n : Nat) (env : Env) (h : hold env facts = Bool.true)
    (r : Respects hyps env) : isBlocked facts (nth hyps n) = Bool.true → False :=
  match e : nth hyps n with
  | none => fun k => auto
  | some c => fun k => not_true
      (all_less (fun (l : Lit) => entails (may facts l.expr) l.value) (fun (l : Lit) => same3 (Expr.eval l.expr env) l.value) c
        (fun l x => (show same3 (Expr.eval l.expr env) l.value = Bool.true;
          rw [entails_sound (may facts l.expr) (Expr.eval l.expr env) l.value (may_sound facts env l.expr h) x];
          same3_refl l.value)) k)
      (r c (nth_mem hyps n c e))
