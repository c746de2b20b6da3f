import Spec.Decide

/-!
# The gate

Whoever proposes another call in the place of a refused one, only an edit leaves that the policy permits of this very
call, and that it allows.
-/

namespace Bartizan

/-- A call, with the values that its tool, its arguments and its session give the leaves. -/
structure Call where
  tool : Text
  env : Env

/-- Whether the policy lets a call go. -/
def allows (p : Policy) (c : Call) : Bool := Outcome.isAllow (decide p c.tool c.env)
/-- The first item with a property. -/
def first {α : Type} (q : α → Bool) : List α → Option α
  | [] => none
  | a :: t => bif q a then some a else first q t

/-- The call itself if it is allowed, otherwise the first proposal that is permitted and allowed. -/
def gate (p : Policy) (permits : Call → Call → Bool) (call : Call) (proposals : List Call) : Option Call :=
  bif allows p call then some call else first (fun c => permits call c && allows p c) proposals

end Bartizan
