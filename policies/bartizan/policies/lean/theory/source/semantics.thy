-- Syntax and meaning of policies (decision 0020).

def Text : Type := List Nat

inductive Cmp : Type
| eq
| lt
| le

inductive Num : Type
| lit (n : Int)
| var (i : Nat)
| add (a : Num) (b : Num)
| scale (k : Int) (a : Num)

inductive Expr : Type
| lit (b : Bool)
| atom (i : Nat)
| not (a : Expr)
| and (a : Expr) (b : Expr)
| or (a : Expr) (b : Expr)
| ite (c : Expr) (a : Expr) (b : Expr)
| cmp (op : Cmp) (a : Num) (b : Num)
| among (a : Num) (items : List Int)

inductive Effect : Type
| allow
| deny
| escalate
| redact
| label

inductive Outcome : Type
| allow
| escalate
| deny

inductive Vote : Type
| deny
| ask
| permit
| silent

structure Env : Type := (atoms : Nat → Option Bool) (nums : Nat → Option Int)

structure Rule : Type :=
  (id : Text) (effect : Effect) (tool : Text) (cond : Expr) (soft : List Nat) (shadow : Bool) (about : Text)

structure Policy : Type := (header : Text) (leaves : List Text) (rules : List Rule)

-- The whole number pos - neg.
structure Diff : Type := (pos : Nat) (neg : Nat)

-- Strong Kleene: none is E.
def not3 (a : Option Bool) : Option Bool :=
  match a with | none => Option.none | some x => Option.some (not x)

def and3 (a : Option Bool) (b : Option Bool) : Option Bool :=
  match a with
  | none => (match b with | none => Option.none | some y => cond y Option.none (Option.some Bool.false))
  | some x => cond x b (Option.some Bool.false)

def or3 (a : Option Bool) (b : Option Bool) : Option Bool :=
  match a with
  | none => (match b with | none => Option.none | some y => cond y (Option.some Bool.true) Option.none)
  | some x => cond x (Option.some Bool.true) b

def ite3 (c : Option Bool) (a : Option Bool) (b : Option Bool) : Option Bool :=
  match c with | none => Option.none | some x => cond x a b

def Diff.ofInt (n : Int) : Diff :=
  match n with | ofNat n => Diff.mk n 0 | negSucc n => Diff.mk 0 (Nat.succ n)
def Diff.add (a : Diff) (b : Diff) : Diff := Diff.mk (Nat.add a.pos b.pos) (Nat.add a.neg b.neg)
def Diff.scale (k : Int) (a : Diff) : Diff :=
  match k with
  | ofNat n => Diff.mk (Nat.mul n a.pos) (Nat.mul n a.neg)
  | negSucc n => Diff.mk (Nat.mul (Nat.succ n) a.neg) (Nat.mul (Nat.succ n) a.pos)
def Diff.le (a : Diff) (b : Diff) : Bool := Nat.ble (Nat.add a.pos b.neg) (Nat.add b.pos a.neg)
def Diff.lt (a : Diff) (b : Diff) : Bool := Nat.ble (Nat.succ (Nat.add a.pos b.neg)) (Nat.add b.pos a.neg)
def Diff.eq (a : Diff) (b : Diff) : Bool := Nat.beq (Nat.add a.pos b.neg) (Nat.add b.pos a.neg)

def Cmp.test (op : Cmp) (a : Diff) (b : Diff) : Bool :=
  match op with | eq => Diff.eq a b | lt => Diff.lt a b | le => Diff.le a b

def lift1 {α : Type} {β : Type} (f : α → β) (a : Option α) : Option β :=
  match a with | none => Option.none | some x => Option.some (f x)
def lift2 {α : Type} {β : Type} {γ : Type} (f : α → β → γ) (a : Option α) (b : Option β) : Option γ :=
  match a with | none => Option.none | some x => lift1 (f x) b

def Num.eval (n : Num) (env : Env) : Option Diff :=
  match n with
  | lit n => Option.some (Diff.ofInt n)
  | var i => lift1 Diff.ofInt (env.nums i)
  | add a b l r => lift2 Diff.add l r
  | scale k a v => lift1 (Diff.scale k) v

def Diff.among (items : List Int) (a : Diff) : Bool := List.any items (fun n => Diff.eq a (Diff.ofInt n))

def Expr.eval (e : Expr) (env : Env) : Option Bool :=
  match e with
  | lit b => Option.some b
  | atom i => env.atoms i
  | not a v => not3 v
  | and a b l r => and3 l r
  | or a b l r => or3 l r
  | ite c a b t l r => ite3 t l r
  | cmp op a b => lift2 (Cmp.test op) (Num.eval a env) (Num.eval b env)
  | among a items => lift1 (Diff.among items) (Num.eval a env)

def Text.beq (a : Text) : Text → Bool :=
  match (a : List Nat) with
  | nil => fun b => (match (b : List Nat) with | nil => Bool.true | cons y r => Bool.false)
  | cons x l ih => fun b => (match (b : List Nat) with | nil => Bool.false | cons y r => Nat.beq x y && ih r)

def isNone {α : Type} (a : Option α) : Bool := match a with | none => Bool.true | some x => Bool.false

-- What a rule's value makes of a call, given whether one of its soft signals is missing.
def votes (effect : Effect) (missing : Bool) (value : Option Bool) : Vote :=
  match effect with
  | allow => (match value with | none => Vote.silent | some x => cond x Vote.permit Vote.silent)
  | deny => (match value with
    | none => cond missing Vote.ask Vote.deny
    | some x => cond x Vote.deny Vote.silent)
  | escalate => (match value with | none => Vote.ask | some x => cond x Vote.ask Vote.silent)
  | redact => Vote.silent
  | label => Vote.silent

def Rule.applies (r : Rule) (tool : Text) : Bool := not r.shadow && Text.beq r.tool tool
def Rule.missing (r : Rule) (env : Env) : Bool := List.any r.soft (fun i => isNone (env.nums i))

def vote (tool : Text) (env : Env) (r : Rule) : Vote :=
  cond (r.applies tool) (votes r.effect (r.missing env) (Expr.eval r.cond env)) Vote.silent

def Vote.beq (a : Vote) (b : Vote) : Bool :=
  match a with
  | deny => (match b with | deny => Bool.true | ask => Bool.false | permit => Bool.false | silent => Bool.false)
  | ask => (match b with | deny => Bool.false | ask => Bool.true | permit => Bool.false | silent => Bool.false)
  | permit => (match b with | deny => Bool.false | ask => Bool.false | permit => Bool.true | silent => Bool.false)
  | silent => (match b with | deny => Bool.false | ask => Bool.false | permit => Bool.false | silent => Bool.true)

def voted (v : Vote) (tool : Text) (env : Env) (rules : List Rule) : Bool :=
  List.any rules (fun r => Vote.beq v (vote tool env r))

def outcome (deny : Bool) (ask : Bool) (permit : Bool) : Outcome :=
  cond deny Outcome.deny (cond ask Outcome.escalate (cond permit Outcome.allow Outcome.deny))

def decide (p : Policy) (tool : Text) (env : Env) : Outcome :=
  outcome (voted Vote.deny tool env p.rules) (voted Vote.ask tool env p.rules) (voted Vote.permit tool env p.rules)

def Outcome.isAllow (o : Outcome) : Bool :=
  match o with | allow => Bool.true | escalate => Bool.false | deny => Bool.false
