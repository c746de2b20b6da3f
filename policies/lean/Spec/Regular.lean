import Spec.Value

/-!
# Regular languages

Regular expressions over code points, and the matcher by derivatives (Brzozowski 1964): what it answers is a leaf.
-/

namespace Bartizan

/-- The code points from `low` to `high`, both included. -/
structure Range where
  (low high : Nat)

/-- A regular expression. `chars` are the code points in one of some closed ranges. -/
inductive Regex where
  | empty | epsilon
  | chars (ranges : List Range)
  | concat (r s : Regex)
  | union (r s : Regex)
  | inter (r s : Regex)
  | compl (r : Regex)
  | star (r : Regex)

/-- Whether a code point lies in one of the ranges. -/
def inRanges (c : Nat) : List Range → Bool
  | [] => false
  | range :: rest => (Nat.ble range.low c && Nat.ble c range.high) || inRanges c rest

/-- Whether the empty word belongs to the language. -/
def nullable : Regex → Bool
  | Regex.empty => false
  | Regex.epsilon => true
  | Regex.chars _ => false
  | Regex.concat r s => nullable r && nullable s
  | Regex.union r s => nullable r || nullable s
  | Regex.inter r s => nullable r && nullable s
  | Regex.compl r => !nullable r
  | Regex.star _ => true

/-- What may follow the code point `c`. -/
def deriv (c : Nat) : Regex → Regex
  | Regex.empty => Regex.empty
  | Regex.epsilon => Regex.empty
  | Regex.chars ranges => bif inRanges c ranges then Regex.epsilon else Regex.empty
  | Regex.concat r s =>
    bif nullable r then Regex.union (Regex.concat (deriv c r) s) (deriv c s) else Regex.concat (deriv c r) s
  | Regex.union r s => Regex.union (deriv c r) (deriv c s)
  | Regex.inter r s => Regex.inter (deriv c r) (deriv c s)
  | Regex.compl r => Regex.compl (deriv c r)
  | Regex.star r => Regex.concat (deriv c r) (Regex.star r)

/-- The matcher: a word is in the language if the empty word is in its derivative by all code points. -/
def accepts : Regex → List Nat → Bool
  | r, [] => nullable r
  | r, c :: word => accepts (deriv c r) word

end Bartizan
