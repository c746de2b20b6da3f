import Spec.Certificate
import Spec.Session

/-!
# Limits over time

A session, as far as one tool is concerned, is the list of its calls that were let go, the newest first.
-/

namespace Bartizan

/-- A number of which every variable has a value. -/
def Num.total : Num → (Nat → Diff) → Diff
  | Num.lit n, _ => Diff.ofInt n
  | Num.var i, v => v i
  | Num.add a b, v => Diff.add (Num.total a v) (Num.total b v)
  | Num.scale k a, v => Diff.scale k (Num.total a v)

/-- The values of variables; those that have none count as 0. -/
def valuation (env : Env) (i : Nat) : Diff :=
  match env.nums i with
  | none => Diff.mk 0 0
  | some n => Diff.ofInt n

/-- Of every call that is let go, the condition is true: it is neither F nor E. -/
def Always (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (condition : Expr) : Prop :=
  ∀ env, Respects hyps env → env.atoms allowed = some (Outcome.isAllow (decide p tool env)) →
    ¬ decide p tool env = Outcome.deny → Expr.eval condition env = some true

/-- What excludes a call of which the condition is not true. -/
def onlyTrue (condition : Expr) : Clause := [Lit.mk condition (some true)]
/-- A call that was let go, with what the policy read at it. -/
structure Step where
  time : Nat
  env : Env

/-- What one call spends. -/
def spentAt (amount : Num) (s : Step) : Diff := Num.total amount (valuation s.env)
/-- What the calls in the window add up to. -/
def spent (amount : Num) (within : Option Nat) (now : Nat) : List Step → Diff
  | [] => Diff.mk 0 0
  | s :: t =>
    bif fresh within now s.time then Diff.add (spent amount within now t) (spentAt amount s)
    else spent amount within now t

/-- What the policy reads of the past is no less than what was spent, unless with the call it is above `most` anyhow. -/
def Told (amount : Num) (within : Option Nat) (total : Nat) (most : Int) (s : Step) (before : List Step) : Prop :=
  ∀ n, s.env.nums total = some n →
    Diff.le (spent amount within s.time before) (Diff.ofInt n) = true ∨
      Diff.le (Diff.add (Diff.ofInt n) (spentAt amount s)) (Diff.ofInt most) = false

/-- Each call was let go by the policy, and was told what had been spent. -/
def LetGo (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (amount : Num) (within : Option Nat)
    (total : Nat) (most : Int) : List Step → Prop
  | [] => True
  | s :: t =>
    LetGo p hyps tool allowed amount within total most t ∧ (Respects hyps s.env ∧
      (s.env.atoms allowed = some (Outcome.isAllow (decide p tool s.env)) ∧
        (¬ decide p tool s.env = Outcome.deny ∧ Told amount within total most s t)))

/-- In every session, what was let go in a window that ends at any time is at most `most`. -/
def Within (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (amount : Num) (within : Option Nat)
    (total : Nat) (most : Int) : Prop :=
  ∀ past now, Ordered Step.time past now → LetGo p hyps tool allowed amount within total most past →
    Diff.le (spent amount within now past) (Diff.ofInt most) = true

/-- An amount is at least 0. -/
def positive (amount : Num) : Expr := Expr.cmp Cmp.le (Num.lit (Int.ofNat 0)) amount
/-- What the policy reads of the past and the amount are together at most `most`. -/
def bounded (amount : Num) (total : Nat) (most : Int) : Expr :=
  Expr.cmp Cmp.le (Num.add (Num.var total) amount) (Num.lit most)
/-- No call before was in the window. -/
def Quiet (within : Option Nat) (s : Step) (before : List Step) : Prop :=
  ∀ x, List.Mem x before → fresh within s.time x.time = false
/-- As `LetGo`, where the policy only reads whether there was a call in the window. -/
def LetGoOnce (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (within : Option Nat) (once : Nat) :
    List Step → Prop
  | [] => True
  | s :: t =>
    LetGoOnce p hyps tool allowed within once t ∧ (Respects hyps s.env ∧
      (s.env.atoms allowed = some (Outcome.isAllow (decide p tool s.env)) ∧
        (¬ decide p tool s.env = Outcome.deny ∧ (s.env.atoms once = some false → Quiet within s t))))

/-- As `Within`, of such sessions. -/
def WithinOnce (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (amount : Num) (within : Option Nat)
    (once : Nat) (most : Int) : Prop :=
  ∀ past now, Ordered Step.time past now → LetGoOnce p hyps tool allowed within once past →
    Diff.le (spent amount within now past) (Diff.ofInt most) = true

/-- An amount is at most `most`. -/
def small (amount : Num) (most : Int) : Expr := Expr.cmp Cmp.le amount (Num.lit most)
/-- There was no call in the window. -/
def firstIn (once : Nat) : Expr := Expr.not (Expr.atom once)

end Bartizan
