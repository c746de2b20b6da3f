import Spec.Value

/-!
# Syntax

What has no structure here (tests of texts, session operators, quantifiers, provenance, signals) is a numbered leaf, an
`atom` or a `var`. A policy holds the canonical JSON of every leaf, so that its whole syntax tree can be read back.
-/

namespace Bartizan

/-- A number of the language: linear in its variables. -/
inductive Num where
  | lit (n : Int)
  | var (i : Nat)
  | add (a b : Num)
  | scale (k : Int) (a : Num)

/-- A condition. `among` is membership in a list of literals. -/
inductive Expr where
  | lit (b : Bool)
  | atom (i : Nat)
  | not (a : Expr)
  | and (a b : Expr)
  | or (a b : Expr)
  | ite (c a b : Expr)
  | cmp (op : Cmp) (a b : Num)
  | among (a : Num) (items : List Int)

/-- One rule for one tool. `soft` are the variables of signals whose absence asks instead of denying; `about` is its
label and its reason. -/
structure Rule where
  id : Text
  effect : Effect
  tool : Text
  cond : Expr
  soft : List Nat
  shadow : Bool
  about : Text

/-- A policy: `header` is everything but the rules, `leaves` is what the numbers of leaves stand for. -/
structure Policy where
  header : Text
  leaves : List Text
  rules : List Rule

/-- The values of the leaves; `none` is E. -/
structure Env where
  atoms : Nat → Option Bool
  nums : Nat → Option Int

end Bartizan
