/-!
# Values

Three-valued truth, whole numbers, and the words for what a rule says and what is decided.
-/

namespace Bartizan

/-- A text. No statement looks inside it; two texts are only ever compared. -/
abbrev Text := List Nat
/-- What a rule does. -/
inductive Effect where
  | allow | deny | escalate | redact | label

/-- What is decided about a call. -/
inductive Outcome where
  | allow | escalate | deny

/-- What one rule says about a call. -/
inductive Vote where
  | deny | ask | permit | silent

/-- How two numbers are compared. -/
inductive Cmp where
  | eq | lt | le

/-- Strong Kleene logic, in which `none` is E, "not known": negation. -/
def not3 : Option Bool → Option Bool
  | none => none
  | some true => some false
  | some false => some true

/-- Conjunction: F if a side is F, else E if a side is E, else T. -/
def and3 : Option Bool → Option Bool → Option Bool
  | some false, _ => some false
  | some true, b => b
  | none, none => none
  | none, some true => none
  | none, some false => some false

/-- Disjunction: T if a side is T, else E if a side is E, else F. -/
def or3 : Option Bool → Option Bool → Option Bool
  | some true, _ => some true
  | some false, b => b
  | none, none => none
  | none, some true => some true
  | none, some false => none

/-- Choice: E where the condition is, whatever the branches are. -/
def ite3 : Option Bool → Option Bool → Option Bool → Option Bool
  | none, _, _ => none
  | some true, a, _ => a
  | some false, _, b => b

/-- Whether there is no value. -/
def isNone {α : Type} : Option α → Bool
  | none => true
  | some _ => false

/-- Whether two truth values are the same. -/
def sameBool : Bool → Bool → Bool
  | true, b => b
  | false, b => !b

/-- Whether two three-valued ones are. -/
def same3 : Option Bool → Option Bool → Bool
  | none, b => isNone b
  | some _, none => false
  | some x, some y => sameBool x y

/-- The whole number `pos - neg`. -/
structure Diff where
  (pos neg : Nat)

/-- A whole number as a difference. -/
def Diff.ofInt : Int → Diff
  | Int.ofNat n => Diff.mk n 0
  | Int.negSucc n => Diff.mk 0 (Nat.succ n)

/-- The sum. -/
def Diff.add (a b : Diff) : Diff := Diff.mk (Nat.add a.pos b.pos) (Nat.add a.neg b.neg)
/-- A multiple. -/
def Diff.scale : Int → Diff → Diff
  | Int.ofNat n, a => Diff.mk (Nat.mul n a.pos) (Nat.mul n a.neg)
  | Int.negSucc n, a => Diff.mk (Nat.mul (Nat.succ n) a.neg) (Nat.mul (Nat.succ n) a.pos)

/-- `a ≤ b`, by cross-addition. -/
def Diff.le (a b : Diff) : Bool := Nat.ble (Nat.add a.pos b.neg) (Nat.add b.pos a.neg)
/-- `a < b`. -/
def Diff.lt (a b : Diff) : Bool := Nat.ble (Nat.succ (Nat.add a.pos b.neg)) (Nat.add b.pos a.neg)
/-- `a = b`, as numbers: many pairs are one number. -/
def Diff.eq (a b : Diff) : Bool := Nat.beq (Nat.add a.pos b.neg) (Nat.add b.pos a.neg)
/-- The comparison that an operator stands for. -/
def Cmp.test : Cmp → Diff → Diff → Bool
  | Cmp.eq, a, b => Diff.eq a b
  | Cmp.lt, a, b => Diff.lt a b
  | Cmp.le, a, b => Diff.le a b

end Bartizan
