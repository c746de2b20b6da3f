import Spec.Gate
import Thm.Decide

/-!
# What leaves through the gate is allowed, and what is allowed leaves as it is
-/

namespace Bartizan

theorem first_sound {α : Type} (q : α → Bool) (l : List α) (c : α) : first q l = some c → q c = true := by
  induction l with
  | nil => intro h; cases h
  | cons a t ih =>
    intro h
    cases e : q a with
    | true =>
      have found := congrArg (fun b => bif b then some a else first q t) e
      have same : some a = some c := found.symm.trans h
      cases same
      exact e
    | false =>
      have later := congrArg (fun b => bif b then some a else first q t) e
      exact ih (later.symm.trans h)

/-- What the gate lets out is allowed, and is the call itself or a permitted edit of it. -/
theorem gate_sound (p : Policy) (permits : Call → Call → Bool) (call : Call) (proposals : List Call) (c : Call) :
    gate p permits call proposals = some c → allows p c = true ∧ (c = call ∨ permits call c = true) := by
  intro h
  cases e : allows p call with
  | true =>
    have itself := congrArg
      (fun b => bif b then some call else first (fun c => permits call c && allows p c) proposals) e
    have same : some call = some c := itself.symm.trans h
    cases same
    exact ⟨e, Or.inl rfl⟩
  | false =>
    have later := congrArg
      (fun b => bif b then some call else first (fun c => permits call c && allows p c) proposals) e
    have found : first (fun c => permits call c && allows p c) proposals = some c := later.symm.trans h
    have both : (permits call c && allows p c) = true :=
      first_sound (fun c => permits call c && allows p c) proposals c found
    exact ⟨and_right both, Or.inr (and_left both)⟩

/-- A call that is allowed passes as it is, whatever is proposed. -/
theorem gate_transparent (p : Policy) (permits : Call → Call → Bool) (call : Call) (proposals : List Call) :
    allows p call = true → gate p permits call proposals = some call := by
  intro h
  have computed := congrArg
    (fun b => bif b then some call else first (fun c => permits call c && allows p c) proposals) h
  exact computed

end Bartizan
