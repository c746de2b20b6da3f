import Spec.Value

/-!
# Registers

What a session operator says of the whole past, and the register of constant size that is folded over it instead. A past
is a list with its newest event first.
-/

namespace Bartizan

/-- An event, with the value that an operator's body has at it. -/
structure Seen where
  time : Nat
  value : Option Bool

/-- The last time at which the body was T, and the last at which it was E. -/
structure Marks where
  (sure perhaps : Option Nat)

/-- Whether a time is in the window: at most `within` ago, or whenever it was. Windows are closed. -/
def fresh : Option Nat → Nat → Nat → Bool
  | none, _, _ => true
  | some w, now, time => Nat.ble now (Nat.add time w)

/-- Whether a mark is in the window. -/
def freshMark (within : Option Nat) (now : Nat) : Option Nat → Bool
  | none => false
  | some t => fresh within now t

/-- A register after a past, from the oldest event on. -/
def run {σ α : Type} (step : σ → α → σ) (start : σ) : List α → σ
  | [] => start
  | e :: t => step (run step start t) e

/-- No event is later than a newer one, nor than `latest`. -/
def Ordered {α : Type} (time : α → Nat) : List α → Nat → Prop
  | [], _ => True
  | e :: t, latest => Nat.ble (time e) latest = true ∧ Ordered time t (time e)

/-- A register that has seen nothing. -/
def noMarks : Marks := Marks.mk none none
/-- What two marks say: T, E or F. -/
def marksRead (within : Option Nat) (now : Nat) (m : Marks) : Option Bool :=
  bif freshMark within now m.sure then some true
  else bif freshMark within now m.perhaps then none else some false

/-- Once, did the body hold at some event of the window: by the whole past. -/
def onceSpec (within : Option Nat) (now : Nat) : List Seen → Option Bool
  | [] => some false
  | s :: t => or3 (bif fresh within now s.time then s.value else some false) (onceSpec within now t)

/-- Once, by the register. -/
def onceStep (m : Marks) (s : Seen) : Marks :=
  match s.value with
  | none => Marks.mk m.sure (some s.time)
  | some x => bif x then Marks.mk (some s.time) m.perhaps else m

/-- Previous, did it hold at the event before: by the whole past; the register is the value itself. -/
def previousSpec : List Seen → Option Bool
  | [] => some false
  | s :: _ => s.value

/-- An event, with the values of both bodies. -/
structure Pair where
  time : Nat
  (left right : Option Bool)

/-- Since, has `left` held after an event of the window at which `right` did; `held`: at the events already passed. -/
def sinceFrom (within : Option Nat) (now : Nat) : List Pair → Option Bool → Option Bool
  | [], _ => some false
  | p :: t, held =>
    or3 (bif fresh within now p.time then and3 p.right held else some false) (sinceFrom within now t (and3 held p.left))

/-- Since, by the whole past. -/
def sinceSpec (within : Option Nat) (now : Nat) (past : List Pair) : Option Bool :=
  sinceFrom within now past (some true)
/-- The latest start that surely still holds. -/
def surely (right left : Option Bool) (time : Nat) (before : Option Nat) : Option Nat :=
  bif same3 right (some true) then some time else bif same3 left (some true) then before else none
/-- The latest start that possibly still holds. -/
def possibly (right left : Option Bool) (time : Nat) (before : Option Nat) : Option Nat :=
  bif same3 right (some false) then bif same3 left (some false) then none else before else some time
/-- Since, by the register. -/
def sinceStep (m : Marks) (p : Pair) : Marks :=
  Marks.mk (surely p.right p.left p.time m.sure) (possibly p.right p.left p.time m.perhaps)
/-- The smaller number. -/
def least (a b : Nat) : Nat := bif Nat.ble a b then a else b
/-- How many times are in the window. -/
def freshCount (within : Option Nat) (now : Nat) : List Nat → Nat
  | [] => 0
  | t :: r => bif fresh within now t then Nat.succ (freshCount within now r) else freshCount within now r

/-- A number is not known from `cap` on, unless it is only compared with less. -/
def capped (saturate : Bool) (cap number : Nat) : Option Nat :=
  bif !saturate && Nat.ble cap number then none else some (least number cap)
/-- Whether a value is T. -/
def isTrue : Option Bool → Bool
  | none => false
  | some x => x

/-- The times at which the body was T. -/
def hits : List Seen → List Nat
  | [] => []
  | s :: t => bif isTrue s.value then s.time :: hits t else hits t

/-- Whether it was E at an event of the window. -/
def unknownFresh (within : Option Nat) (now : Nat) (past : List Seen) : Bool :=
  List.any past (fun s => isNone s.value && fresh within now s.time)
/-- Count, at how many events of the window the body held: by the whole past. -/
def countSpec (within : Option Nat) (now : Nat) (saturate : Bool) (cap : Nat) (past : List Seen) : Option Nat :=
  bif unknownFresh within now past then none else capped saturate cap (freshCount within now (hits past))
/-- The last `cap` times at which it was T, and the last at which it was E. -/
structure Ring where
  times : List Nat
  perhaps : Option Nat

/-- A ring that has seen nothing. -/
def noRing : Ring := Ring.mk [] none
/-- Count, by the register. -/
def ringStep (cap : Nat) (r : Ring) (s : Seen) : Ring :=
  match s.value with
  | none => Ring.mk r.times (some s.time)
  | some x => bif x then Ring.mk (List.take cap (s.time :: r.times)) r.perhaps else r

/-- What a ring says. -/
def ringRead (within : Option Nat) (now : Nat) (saturate : Bool) (cap : Nat) (r : Ring) : Option Nat :=
  bif freshMark within now r.perhaps then none else capped saturate cap (freshCount within now r.times)

end Bartizan
