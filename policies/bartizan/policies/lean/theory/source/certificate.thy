-- Certificates: decision trees, and what a checked one proves.

-- A comparison has a value just where all its variables have one.

def Num.has (a : Num) (i : Nat) : Bool :=
  match a with | lit n => Bool.false | var j => Nat.beq j i | add a b l r => l || r | scale k a l => l

def Num.within (a : Num) (h : Nat → Bool) : Bool :=
  match a with | lit n => Bool.true | var i => h i | add a b l r => l && r | scale k a l => l

theorem lift1_none {α : Type} {β : Type} (f : α → β) (a : Option α) (h : isNone (lift1 f a) = Bool.false) :
    isNone a = Bool.false := match a with | none => auto | some x => rfl
theorem lift2_left {α : Type} {β : Type} {γ : Type} (f : α → β → γ) (a : Option α) (b : Option β)
    (h : isNone (lift2 f a b) = Bool.false) : isNone a = Bool.false := match a with | none => auto | some x => rfl
theorem lift2_right {α : Type} {β : Type} {γ : Type} (f : α → β → γ) (a : Option α) (b : Option β)
    (h : isNone (lift2 f a b) = Bool.false) : isNone b = Bool.false :=
  match a with | none => auto | some x => lift1_none (f x) b h
theorem lift1_some_of {α : Type} {β : Type} (f : α → β) (a : Option α) (h : isNone a = Bool.false) :
    isNone (lift1 f a) = Bool.false := match a with | none => auto | some x => rfl
theorem lift2_some_of {α : Type} {β : Type} {γ : Type} (f : α → β → γ) (a : Option α) (b : Option β)
    (h : isNone a = Bool.false) (k : isNone b = Bool.false) : isNone (lift2 f a b) = Bool.false :=
  match a with | none => auto | some x => lift1_some_of (f x) b k

theorem has_sound (a : Num) (env : Env) (i : Nat) (h : isNone (Num.eval a env) = Bool.false) :
    Num.has a i = Bool.true → isNone (env.nums i) = Bool.false :=
  match a with
  | lit n => fun k => auto
  | var j => fun k => (rw [← Nat.same_eq j i k]; lift1_none Diff.ofInt (env.nums j) h)
  | add a b l r => fun k => Or.elim (or_elim k)
      (l (lift2_left Diff.add (Num.eval a env) (Num.eval b env) h))
      (r (lift2_right Diff.add (Num.eval a env) (Num.eval b env) h))
  | scale n a l => l (lift1_none (Diff.scale n) (Num.eval a env) h)

theorem within_sound (a : Num) (env : Env) (q : Nat → Bool) (h : ∀ i, q i = Bool.true → isNone (env.nums i) = Bool.false) :
    Num.within a q = Bool.true → isNone (Num.eval a env) = Bool.false :=
  match a with
  | lit n => fun k => rfl
  | var i => fun k => lift1_some_of Diff.ofInt (env.nums i) (h i k)
  | add a b l r => fun k => lift2_some_of Diff.add (Num.eval a env) (Num.eval b env) (l (and_left k)) (r (and_right k))
  | scale n a l => fun k => lift1_some_of (Diff.scale n) (Num.eval a env) (l k)

def Expr.has (e : Expr) (i : Nat) : Bool :=
  match e with | cmp op a b => Num.has a i || Num.has b i | among a items => Num.has a i | _ => Bool.false
def Expr.within (e : Expr) (h : Nat → Bool) : Bool :=
  match e with | cmp op a b => Num.within a h && Num.within b h | among a items => Num.within a h | _ => Bool.false

theorem Expr.has_sound (e : Expr) (env : Env) (i : Nat) (h : isNone (Expr.eval e env) = Bool.false) :
    Expr.has e i = Bool.true → isNone (env.nums i) = Bool.false :=
  match e with
  | cmp op a b => fun k => Or.elim (or_elim k)
      (has_sound a env i (lift2_left (Cmp.test op) (Num.eval a env) (Num.eval b env) h))
      (has_sound b env i (lift2_right (Cmp.test op) (Num.eval a env) (Num.eval b env) h))
  | among a items => has_sound a env i (lift1_none (Diff.among items) (Num.eval a env) h)
  | _ => fun k => auto

theorem Expr.within_sound (e : Expr) (env : Env) (q : Nat → Bool)
    (h : ∀ i, q i = Bool.true → isNone (env.nums i) = Bool.false) :
    Expr.within e q = Bool.true → isNone (Expr.eval e env) = Bool.false :=
  match e with
  | cmp op a b => fun k => lift2_some_of (Cmp.test op) (Num.eval a env) (Num.eval b env)
      (within_sound a env q h (and_left k)) (within_sound b env q h (and_right k))
  | among a items => fun k => lift1_some_of (Diff.among items) (Num.eval a env) (within_sound a env q h k)
  | _ => fun k => auto

def strictClash (facts : List Fact) (known : Expr) (unknown : Expr) : Bool :=
  not (may facts known Option.none) && (entails (may facts unknown) Option.none && Expr.within unknown (Expr.has known))

theorem strict_sound (facts : List Fact) (env : Env) (known : Expr) (unknown : Expr) (h : hold env facts = Bool.true)
    (k : strictClash facts known unknown = Bool.true) : False :=
  have has_value : isNone (Expr.eval known env) = Bool.false :=
    (match e : Expr.eval known env with
    | none => (match not_true (show may facts known Option.none = Bool.true; rw [← e]; may_sound facts env known h)
        (of_not (and_left k)) with)
    | some x => rfl);
  have same : Expr.eval unknown env = Option.none :=
    entails_sound (may facts unknown) (Expr.eval unknown env) Option.none (may_sound facts env unknown h) (and_left (and_right k));
  not_true (show isNone (Expr.eval unknown env) = Bool.true; rw [same]; rfl)
    (Expr.within_sound unknown env (Expr.has known) (fun i => Expr.has_sound known env i has_value) (and_right (and_right k)))

def checkTree (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (every : Bool) (cond : Expr) (t : Tree) :
    List Fact → Bool :=
  match t with
  | leaf => fun facts => closes facts p tool allowed every cond
  | blocked n => fun facts => isBlocked facts (nth hyps n)
  | strict known unknown => fun facts => strictClash facts known unknown
  | linear sum => fun facts => linearClash facts sum
  | split e v yes no f g => fun facts => f (Fact.mk e v Bool.true :: facts) && g (Fact.mk e v Bool.false :: facts)

-- Only the rules of the tool are looked at, on every branch.
def check (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (every : Bool) (cond : Expr) (t : Tree) : Bool :=
  checkTree (Policy.slice tool p) hyps tool allowed every cond t []

theorem sameBool_false (a : Bool) (h : a = Bool.false) : sameBool a Bool.false = Bool.true := auto [a]

theorem tree_sound (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (every : Bool) (cond : Expr) (env : Env)
    (r : Respects hyps env) (k : env.atoms allowed = Option.some (Outcome.isAllow (decide p tool env)))
    (c : Claim every (decide p tool env)) (t : Tree) : ∀ (facts : List Fact), hold env facts = Bool.true →
    checkTree p hyps tool allowed every cond t facts = Bool.true → ¬ Expr.eval cond env = Option.some Bool.true :=
  match t with
  | leaf => fun facts h yes => closes_sound facts p tool allowed every cond env h k c yes
  | blocked n => fun facts h yes => (match blocked_sound facts hyps n env h r yes with)
  | strict known unknown => fun facts h yes => (match strict_sound facts env known unknown h yes with)
  | linear sum => fun facts h yes => (match linear_sound facts env sum h yes with)
  | split e v yes no f g => fun facts h both =>
    Or.elim (bool_cases (same3 (Expr.eval e env) v))
      (fun x => f (Fact.mk e v Bool.true :: facts)
        (and_intro (sameBool_true (same3 (Expr.eval e env) v) x) h) (and_left both))
      (fun x => g (Fact.mk e v Bool.false :: facts)
        (and_intro (sameBool_false (same3 (Expr.eval e env) v) x) h) (and_right both))

theorem check_sound (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (every : Bool) (cond : Expr) (t : Tree) :
    check p hyps tool allowed every cond t = Bool.true → Never p hyps tool allowed every cond :=
  fun yes env r k c =>
    have same : decide (Policy.slice tool p) tool env = decide p tool env := index_slice_sound p tool env;
    tree_sound (Policy.slice tool p) hyps tool allowed every cond env r (rw [same]; k) (rw [same]; c) t [] rfl yes
