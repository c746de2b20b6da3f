import Spec.Decide

/-!
# Claims about a policy, and certificates

A certificate is a decision tree. `check` computes whether what is known at its ends excludes that the claim fails.
-/

namespace Bartizan

/-- That a condition has a value. -/
structure Lit where
  expr : Expr
  value : Option Bool

/-- A hypothesis about leaves: not all of these at once. -/
abbrev Clause := List Lit
/-- Whether all of a clause is so. -/
def Clause.holds (c : Clause) (env : Env) : Bool := List.all c (fun (l : Lit) => same3 (Expr.eval l.expr env) l.value)
/-- The environments that a list of hypotheses speaks of. -/
def Respects (hyps : List Clause) (env : Env) : Prop := ∀ c, List.Mem c hyps → Clause.holds c env = false
/-- Which calls are meant: every call, or those that are let go, asked for or not. -/
def Claim (every : Bool) (o : Outcome) : Prop := every = true ∨ ¬ o = Outcome.deny
/-- No call of the tool that is meant satisfies the condition, whose leaf `allowed` says whether it is allowed. -/
def Never (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (every : Bool) (condition : Expr) : Prop :=
  ∀ env, Respects hyps env → env.atoms allowed = some (Outcome.isAllow (decide p tool env)) →
    Claim every (decide p tool env) → ¬ Expr.eval condition env = some true

/-- A comparison with its truth value, and how often it is counted in a sum. -/
inductive Known where
  | mk (op : Cmp) (a b : Num) (value : Bool) (weight : Nat)

/-- A decision tree. `leaf`: what is known decides. `blocked`: a hypothesis excludes it. `strict`: a comparison has a
value, and another of the same variables has none. `linear`: comparisons contradict each other. -/
inductive Tree where
  | leaf | blocked (hyp : Nat)
  | strict (known unknown : Expr)
  | linear (sum : List Known)
  | split (e : Expr) (v : Option Bool) (yes no : Tree)

/-- Whether two literals are the same. -/
def Int.same : Int → Int → Bool
  | Int.ofNat m, Int.ofNat n => Nat.beq m n
  | Int.negSucc m, Int.negSucc n => Nat.beq m n
  | _, _ => false

/-- Whether two numbers are written in the same way. -/
def Num.same : Num → Num → Bool
  | Num.lit m, Num.lit n => Int.same m n
  | Num.var i, Num.var j => Nat.beq i j
  | Num.add a b, Num.add c d => Num.same a c && Num.same b d
  | Num.scale k a, Num.scale j b => Int.same k j && Num.same a b
  | _, _ => false

/-- Whether two lists of literals are the same. -/
def Items.same : List Int → List Int → Bool
  | [], [] => true
  | x :: a, y :: b => Int.same x y && Items.same a b
  | _, _ => false

/-- Whether two operators are the same. -/
def Cmp.same : Cmp → Cmp → Bool
  | Cmp.eq, Cmp.eq => true
  | Cmp.lt, Cmp.lt => true
  | Cmp.le, Cmp.le => true
  | _, _ => false

/-- Whether two conditions are the same leaf, or the same comparison. -/
def Expr.same : Expr → Expr → Bool
  | Expr.atom i, Expr.atom j => Nat.beq i j
  | Expr.cmp op a b, Expr.cmp other c d => Cmp.same op other && (Num.same a c && Num.same b d)
  | Expr.among a items, Expr.among b others => Num.same a b && Items.same items others
  | _, _ => false

/-- That a condition has a value, or that it has not. -/
structure Fact where
  expr : Expr
  value : Option Bool
  yes : Bool

/-- Whether a fact is so. -/
def Fact.holds (env : Env) (f : Fact) : Bool := sameBool (same3 (Expr.eval f.expr env) f.value) f.yes
/-- Whether a fact leaves it open that `e` has the value `v`. -/
def Fact.allows (e : Expr) (v : Option Bool) (f : Fact) : Bool :=
  bif Expr.same f.expr e then sameBool (same3 v f.value) f.yes else true
/-- Whether all facts are so. -/
def hold (env : Env) (facts : List Fact) : Bool := List.all facts (Fact.holds env)
/-- Whether a leaf may have a value. -/
def mayLeaf (facts : List Fact) (e : Expr) (v : Option Bool) : Bool := List.all facts (Fact.allows e v)
/-- Whether a conjunction may have a value, from the values that its sides may have. -/
def mayAnd (f g : Option Bool → Bool) : Option Bool → Bool
  | none => (f none && (g none || g (some true))) || (f (some true) && g none)
  | some true => f (some true) && g (some true)
  | some false => f (some false) || g (some false)

/-- The same of a disjunction. -/
def mayOr (f g : Option Bool → Bool) : Option Bool → Bool
  | none => (f none && (g none || g (some false))) || (f (some false) && g none)
  | some true => f (some true) || g (some true)
  | some false => f (some false) && g (some false)

/-- The same of a choice. -/
def mayIte (f g h : Option Bool → Bool) (v : Option Bool) : Bool :=
  (f (some true) && g v) || ((f (some false) && h v) || (f none && isNone v))
/-- Whether a condition may have a value, as far as the facts tell. -/
def may (facts : List Fact) : Expr → (Option Bool → Bool)
  | Expr.lit b => same3 (some b)
  | Expr.atom i => mayLeaf facts (Expr.atom i)
  | Expr.not a => fun v => may facts a (not3 v)
  | Expr.and a b => mayAnd (may facts a) (may facts b)
  | Expr.or a b => mayOr (may facts a) (may facts b)
  | Expr.ite c a b => mayIte (may facts c) (may facts a) (may facts b)
  | Expr.cmp op a b => mayLeaf facts (Expr.cmp op a b)
  | Expr.among a items => mayLeaf facts (Expr.among a items)

/-- Whether a rule may vote so, by its effect and the values that its condition may have. -/
def mayVotes : Effect → Bool → (Option Bool → Bool) → Vote → Bool
  | Effect.allow, _, m, Vote.permit => m (some true)
  | Effect.allow, _, m, Vote.silent => m none || m (some false)
  | Effect.allow, _, _, _ => false
  | Effect.deny, _, m, Vote.deny => m (some true) || m none
  | Effect.deny, soft, m, Vote.ask => soft && m none
  | Effect.deny, _, m, Vote.silent => m (some false)
  | Effect.deny, _, _, Vote.permit => false
  | Effect.escalate, _, m, Vote.ask => m (some true) || m none
  | Effect.escalate, _, m, Vote.silent => m (some false)
  | Effect.escalate, _, _, _ => false
  | _, _, _, v => Vote.beq Vote.silent v

/-- Whether a rule has soft signals. -/
def Rule.isSoft (r : Rule) : Bool :=
  match r.soft with
  | [] => false
  | _ :: _ => true

/-- Whether a rule may vote so about a call of a tool. -/
def mayVote (facts : List Fact) (tool : Text) (r : Rule) (v : Vote) : Bool :=
  bif Rule.applies r tool then mayVotes r.effect (Rule.isSoft r) (may facts r.cond) v else Vote.beq Vote.silent v
/-- A rule that can only deny. -/
def mustDeny (m : Vote → Bool) : Bool := !(m Vote.ask || (m Vote.permit || m Vote.silent))
/-- A rule that can only deny or ask. -/
def mustStop (m : Vote → Bool) : Bool := !(m Vote.permit || m Vote.silent)
/-- Whether a call may be decided so. -/
def mayOutcome (facts : List Fact) (tool : Text) (rules : List Rule) : Outcome → Bool
  | Outcome.allow =>
    !(List.any rules (fun r => mustStop (mayVote facts tool r))) &&
      List.any rules (fun r => mayVote facts tool r Vote.permit)
  | Outcome.escalate =>
    !(List.any rules (fun r => mustDeny (mayVote facts tool r))) &&
      List.any rules (fun r => mayVote facts tool r Vote.ask)
  | Outcome.deny => true

/-- Whether the facts exclude that the call is decided so and the condition holds. -/
def excluded (facts : List Fact) (p : Policy) (tool : Text) (allowed : Nat) (condition : Expr) (o : Outcome) : Bool :=
  !(mayOutcome (Fact.mk (Expr.atom allowed) (some (Outcome.isAllow o)) true :: facts) tool p.rules o) ||
    !(may (Fact.mk (Expr.atom allowed) (some (Outcome.isAllow o)) true :: facts) condition (some true))

/-- Whether they exclude it for each outcome that is meant. -/
def closes (facts : List Fact) (p : Policy) (tool : Text) (allowed : Nat) (every : Bool) (condition : Expr) : Bool :=
  excluded facts p tool allowed condition Outcome.allow &&
    (excluded facts p tool allowed condition Outcome.escalate &&
      (!every || excluded facts p tool allowed condition Outcome.deny))

/-- Whether a value is the only one that is left open. -/
def entails (m : Option Bool → Bool) : Option Bool → Bool
  | none => !(m (some true) || m (some false))
  | some true => !(m none || m (some false))
  | some false => !(m none || m (some true))

/-- The item at a place, counted from 0. -/
def nth {α : Type} : List α → Nat → Option α
  | [], _ => none
  | a :: _, Nat.zero => some a
  | _ :: t, Nat.succ n => nth t n

/-- Whether all of a clause is known. -/
def clauseKnown (facts : List Fact) (c : Clause) : Bool :=
  List.all c (fun (l : Lit) => entails (may facts l.expr) l.value)
/-- Whether all of a hypothesis is known, so that the branch is excluded. -/
def isBlocked (facts : List Fact) : Option Clause → Bool
  | none => false
  | some c => clauseKnown facts c

/-- A linear form over the variables' parts. -/
structure Form where
  const : Nat
  coefs : List Diff

/-- The sum of two lists of coefficients. -/
def sums : List Diff → List Diff → List Diff
  | [], b => b
  | c :: t, [] => c :: t
  | c :: t, d :: s => Diff.add c d :: sums t s

/-- A multiple of a list of coefficients. -/
def multiplied (k : Nat) : List Diff → List Diff
  | [] => []
  | c :: t => Diff.mk (Nat.mul k c.pos) (Nat.mul k c.neg) :: multiplied k t

/-- The coefficients of one variable. -/
def unit (d : Diff) : Nat → List Diff
  | Nat.zero => [d]
  | Nat.succ i => Diff.mk 0 0 :: unit d i

/-- The sum of two forms. -/
def Form.add (f g : Form) : Form := Form.mk (Nat.add f.const g.const) (sums f.coefs g.coefs)
/-- A multiple of a form. -/
def Form.scale (k : Nat) (f : Form) : Form := Form.mk (Nat.mul k f.const) (multiplied k f.coefs)
/-- One of the two parts of a number. -/
def pick (positive : Bool) (d : Diff) : Nat := bif positive then d.pos else d.neg
/-- The form of one of the two parts of an expression. -/
def Num.form : Num → (Bool → Form)
  | Num.lit n => fun s => Form.mk (pick s (Diff.ofInt n)) []
  | Num.var i => fun s => Form.mk 0 (unit (bif s then Diff.mk 1 0 else Diff.mk 0 1) i)
  | Num.add a b => fun s => Form.add (Num.form a s) (Num.form b s)
  | Num.scale (Int.ofNat n) a => fun s => Form.scale n (Num.form a s)
  | Num.scale (Int.negSucc n) a => fun s => Form.scale (Nat.succ n) (Num.form a (!s))

/-- That one form is at most another. -/
structure Inequality where
  (small large : Form)

/-- That `a` is below `b` by at least `extra`. -/
def below (a b : Num) (extra : Nat) : Inequality :=
  Inequality.mk (Form.add (Form.mk extra []) (Form.add (Num.form a true) (Num.form b false)))
    (Form.add (Num.form b true) (Num.form a false))

/-- What a known comparison says. Of an equation the value says which of its two inequalities is meant. -/
def Known.inequality : Known → Inequality
  | Known.mk Cmp.eq a b true _ => below a b 0
  | Known.mk Cmp.eq a b false _ => below b a 0
  | Known.mk Cmp.lt a b true _ => below a b 1
  | Known.mk Cmp.lt a b false _ => below b a 0
  | Known.mk Cmp.le a b true _ => below a b 0
  | Known.mk Cmp.le a b false _ => below b a 1

/-- The value that a known comparison must have. -/
def Known.claimed : Known → Bool
  | Known.mk Cmp.eq _ _ _ _ => true
  | Known.mk Cmp.lt _ _ value _ => value
  | Known.mk Cmp.le _ _ value _ => value

/-- How often it is counted. -/
def Known.weight : Known → Nat
  | Known.mk _ _ _ _ weight => weight

/-- The comparison itself. -/
def Known.expr : Known → Expr
  | Known.mk op a b _ _ => Expr.cmp op a b

/-- The sum of known comparisons, each as often as it is counted. -/
def combined : List Known → Inequality
  | [] => Inequality.mk (Form.mk 0 []) (Form.mk 0 [])
  | k :: t =>
    Inequality.mk
      (Form.add (Form.scale (Known.weight k) (Inequality.small (Known.inequality k))) (Inequality.small (combined t)))
      (Form.add (Form.scale (Known.weight k) (Inequality.large (Known.inequality k))) (Inequality.large (combined t)))

/-- Whether the comparisons have the values that they must have. -/
def allKnown (facts : List Fact) (sum : List Known) : Bool :=
  List.all sum (fun k => entails (may facts (Known.expr k)) (some (Known.claimed k)))
/-- Whether a coefficient is at least another, in both parts. -/
def coversOne (c d : Diff) : Bool := Nat.ble d.pos c.pos && Nat.ble d.neg c.neg
/-- Whether the second list of coefficients is at least the first. -/
def covers : List Diff → List Diff → Bool
  | [], _ => true
  | d :: s, [] => coversOne (Diff.mk 0 0) d && covers s []
  | d :: s, c :: t => coversOne c d && covers s t

/-- Whether an inequality cannot hold: what should be small is larger, whatever the variables are. -/
def impossible (q : Inequality) : Bool :=
  Nat.ble (Nat.succ (Form.const q.large)) (Form.const q.small) &&
    covers (Form.coefs q.large) (Form.coefs q.small)

/-- Whether known comparisons contradict each other (Farkas). -/
def linearClash (facts : List Fact) (sum : List Known) : Bool := allKnown facts sum && impossible (combined sum)
/-- Whether a number has a variable. -/
def Num.has : Num → Nat → Bool
  | Num.lit _, _ => false
  | Num.var j, i => Nat.beq j i
  | Num.add a b, i => Num.has a i || Num.has b i
  | Num.scale _ a, i => Num.has a i

/-- Whether all variables of a number have a property. -/
def Num.within : Num → (Nat → Bool) → Bool
  | Num.lit _, _ => true
  | Num.var i, h => h i
  | Num.add a b, h => Num.within a h && Num.within b h
  | Num.scale _ a, h => Num.within a h

/-- Whether a comparison has a variable. -/
def Expr.has : Expr → Nat → Bool
  | Expr.cmp _ a b, i => Num.has a i || Num.has b i
  | Expr.among a _, i => Num.has a i
  | _, _ => false

/-- Whether it is a comparison, and all its variables have a property. -/
def Expr.within : Expr → (Nat → Bool) → Bool
  | Expr.cmp _ a b, h => Num.within a h && Num.within b h
  | Expr.among a _, h => Num.within a h
  | _, _ => false

/-- Whether one comparison has a value and another one has none, all of whose variables are the first one's. -/
def strictClash (facts : List Fact) (known unknown : Expr) : Bool :=
  !(may facts known none) && (entails (may facts unknown) none && Expr.within unknown (Expr.has known))
/-- Whether a tree closes, when some facts are known. -/
def checkTree (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (every : Bool) (condition : Expr) :
    Tree → (List Fact → Bool)
  | Tree.leaf => fun facts => closes facts p tool allowed every condition
  | Tree.blocked n => fun facts => isBlocked facts (nth hyps n)
  | Tree.strict known unknown => fun facts => strictClash facts known unknown
  | Tree.linear sum => fun facts => linearClash facts sum
  | Tree.split e v yes no => fun facts =>
    checkTree p hyps tool allowed every condition yes (Fact.mk e v true :: facts) &&
      checkTree p hyps tool allowed every condition no (Fact.mk e v false :: facts)

/-- Whether a tree is a certificate of a claim; only the rules of the tool are looked at. -/
def check (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (every : Bool) (condition : Expr) (t : Tree) :
    Bool :=
  checkTree (Policy.slice tool p) hyps tool allowed every condition t []

end Bartizan
