import Spec.Regular

/-!
# The matcher by derivatives is exact, and a closed set of derivatives proves a language empty
-/

namespace Bartizan

/-- Finitely many words of a language, one after another. -/
inductive Repeated (language : List Nat → Prop) : List Nat → Prop where
  | none : Repeated language []
  | more (u v : List Nat) : language u → Repeated language v → Repeated language (List.append u v)

/-- The language of an expression, as its definition says. -/
def denotes : Regex → (List Nat → Prop)
  | Regex.empty => fun _ => False
  | Regex.epsilon => fun word => word = []
  | Regex.chars ranges => fun word => ∃ c, word = [c] ∧ inRanges c ranges = true
  | Regex.concat r s => fun word => ∃ u v, word = List.append u v ∧ denotes r u ∧ denotes s v
  | Regex.union r s => fun word => denotes r word ∨ denotes s word
  | Regex.inter r s => fun word => denotes r word ∧ denotes s word
  | Regex.compl r => fun word => ¬ denotes r word
  | Regex.star r => Repeated (denotes r)

theorem append_nil_inv (u v : List Nat) : List.append u v = [] → u = [] ∧ v = [] := by
  intro h
  cases u with
  | nil => exact ⟨rfl, h⟩
  | cons c u => cases (show c :: List.append u v = [] from h)

theorem append_cons_inv (c : Nat) (w u v : List Nat) : List.append u v = c :: w →
    (u = [] ∧ v = c :: w) ∨ (∃ rest, u = c :: rest ∧ w = List.append rest v) := by
  intro h
  cases u with
  | nil => exact Or.inl ⟨rfl, h⟩
  | cons d rest =>
    cases (show d :: List.append rest v = c :: w from h)
    exact Or.inr ⟨rest, rfl, rfl⟩

theorem and_true_iff (a b : Bool) : (a && b) = true ↔ a = true ∧ b = true := by
  cases a with
  | false => exact ⟨fun h => (by cases (show false = true from h)), fun h => (by cases h.left)⟩
  | true => exact ⟨fun h => ⟨rfl, h⟩, fun h => h.right⟩

theorem or_true_iff (a b : Bool) : (a || b) = true ↔ a = true ∨ b = true := by
  cases a with
  | false =>
    refine ⟨fun h => Or.inr h, fun h => ?_⟩
    cases h with
    | inl h => cases h
    | inr h => exact h
  | true => exact ⟨fun _ => Or.inl rfl, fun _ => rfl⟩

theorem not_true_iff (a : Bool) : (!a) = true ↔ ¬ a = true := by
  cases a with
  | false => exact ⟨fun _ h => (by cases h), fun _ => rfl⟩
  | true => exact ⟨fun h => (by cases (show false = true from h)), fun h => False.elim (h rfl)⟩

-- `nullable` tells whether the empty word belongs to the language.
theorem nullable_exact (r : Regex) : nullable r = true ↔ denotes r [] := by
  induction r with
  | empty => exact ⟨fun h => (by cases (show false = true from h)), fun h => False.elim h⟩
  | epsilon => exact ⟨fun _ => rfl, fun _ => rfl⟩
  | chars ranges =>
    refine ⟨fun h => (by cases (show false = true from h)), fun h => ?_⟩
    obtain ⟨c, h, _⟩ := (show ∃ c, ([] : List Nat) = [c] ∧ inRanges c ranges = true from h)
    cases h
  | concat r s hr hs =>
    constructor
    · intro h
      have both := (and_true_iff (nullable r) (nullable s)).mp h
      exact ⟨[], [], rfl, hr.mp both.left, hs.mp both.right⟩
    · intro h
      obtain ⟨u, v, e, hu, hv⟩ :=
        (show ∃ u v, ([] : List Nat) = List.append u v ∧ denotes r u ∧ denotes s v from h)
      have parts := append_nil_inv u v e.symm
      rw [parts.left] at hu
      rw [parts.right] at hv
      exact (and_true_iff (nullable r) (nullable s)).mpr ⟨hr.mpr hu, hs.mpr hv⟩
  | union r s hr hs =>
    constructor
    · intro h
      cases (or_true_iff (nullable r) (nullable s)).mp h with
      | inl h => exact Or.inl (hr.mp h)
      | inr h => exact Or.inr (hs.mp h)
    · intro h
      refine (or_true_iff (nullable r) (nullable s)).mpr ?_
      cases (show denotes r [] ∨ denotes s [] from h) with
      | inl h => exact Or.inl (hr.mpr h)
      | inr h => exact Or.inr (hs.mpr h)
  | inter r s hr hs =>
    constructor
    · intro h
      have both := (and_true_iff (nullable r) (nullable s)).mp h
      exact ⟨hr.mp both.left, hs.mp both.right⟩
    · intro h
      exact (and_true_iff (nullable r) (nullable s)).mpr ⟨hr.mpr h.left, hs.mpr h.right⟩
  | compl r hr =>
    constructor
    · intro h
      exact fun inside => (not_true_iff (nullable r)).mp h (hr.mpr inside)
    · intro h
      exact (not_true_iff (nullable r)).mpr (fun inside => h (hr.mp inside))
  | star r _ => exact ⟨fun _ => Repeated.none, fun _ => rfl⟩

-- A repetition that begins with `c` begins with a word of the language that begins with `c`.
theorem repeated_cons (language : List Nat → Prop) (c : Nat) (word : List Nat) :
    Repeated language word → ∀ w, word = c :: w →
      ∃ u v, w = List.append u v ∧ language (c :: u) ∧ Repeated language v := by
  intro h
  induction h with
  | none => intro w e; cases e
  | more u v here rest ih =>
    intro w e
    cases append_cons_inv c w u v e with
    | inl empty => exact ih w empty.right
    | inr split =>
      obtain ⟨tail, hu, hw⟩ := split
      rw [hu] at here
      exact ⟨tail, v, hw, here, rest⟩

-- The derivative's language holds exactly the words that follow `c` in the language.
theorem deriv_exact (c : Nat) (r : Regex) : ∀ w, denotes (deriv c r) w ↔ denotes r (c :: w) := by
  induction r with
  | empty => exact fun w => ⟨fun h => h, fun h => h⟩
  | epsilon => exact fun w => ⟨fun h => False.elim h, fun h => by cases (show c :: w = [] from h)⟩
  | chars ranges =>
    intro w
    cases inside : inRanges c ranges with
    | false =>
      have same : deriv c (Regex.chars ranges) = Regex.empty := by
        have computed := congrArg (fun b => bif b then Regex.epsilon else Regex.empty) inside
        exact computed
      rw [same]
      refine ⟨fun h => False.elim h, fun h => ?_⟩
      obtain ⟨d, e, hd⟩ := (show ∃ d, c :: w = [d] ∧ inRanges d ranges = true from h)
      cases e
      rw [inside] at hd
      cases hd
    | true =>
      have same : deriv c (Regex.chars ranges) = Regex.epsilon := by
        have computed := congrArg (fun b => bif b then Regex.epsilon else Regex.empty) inside
        exact computed
      rw [same]
      constructor
      · intro h
        exact ⟨c, by rw [show w = [] from h], inside⟩
      · intro h
        obtain ⟨d, e, _⟩ := (show ∃ d, c :: w = [d] ∧ inRanges d ranges = true from h)
        cases e
        exact (rfl : ([] : List Nat) = [])
  | concat r s hr hs =>
    intro w
    have split : denotes (Regex.concat r s) (c :: w) ↔
        (denotes (Regex.concat (deriv c r) s) w ∨ (nullable r = true ∧ denotes (deriv c s) w)) := by
      constructor
      · intro h
        obtain ⟨u, v, e, hu, hv⟩ :=
          (show ∃ u v, c :: w = List.append u v ∧ denotes r u ∧ denotes s v from h)
        cases append_cons_inv c w u v e.symm with
        | inl empty =>
          rw [empty.left] at hu
          rw [empty.right] at hv
          exact Or.inr ⟨(nullable_exact r).mpr hu, (hs w).mpr hv⟩
        | inr tail =>
          obtain ⟨rest, eu, ew⟩ := tail
          rw [eu] at hu
          exact Or.inl ⟨rest, v, ew, (hr rest).mpr hu, hv⟩
      · intro h
        cases h with
        | inl h =>
          obtain ⟨u, v, e, hu, hv⟩ :=
            (show ∃ u v, w = List.append u v ∧ denotes (deriv c r) u ∧ denotes s v from h)
          exact ⟨c :: u, v, (congrArg (List.cons c) e : c :: w = c :: List.append u v), (hr u).mp hu, hv⟩
        | inr h => exact ⟨[], c :: w, rfl, (nullable_exact r).mp h.left, (hs w).mp h.right⟩
    cases null : nullable r with
    | false =>
      have same : deriv c (Regex.concat r s) = Regex.concat (deriv c r) s := by
        have computed := congrArg (fun b =>
          bif b then Regex.union (Regex.concat (deriv c r) s) (deriv c s) else Regex.concat (deriv c r) s) null
        exact computed
      rw [same]
      refine ⟨fun h => split.mpr (Or.inl h), fun h => ?_⟩
      cases split.mp h with
      | inl h => exact h
      | inr h => rw [null] at h; cases h.left
    | true =>
      have same : deriv c (Regex.concat r s) = Regex.union (Regex.concat (deriv c r) s) (deriv c s) := by
        have computed := congrArg (fun b =>
          bif b then Regex.union (Regex.concat (deriv c r) s) (deriv c s) else Regex.concat (deriv c r) s) null
        exact computed
      rw [same]
      constructor
      · intro h
        cases (show denotes (Regex.concat (deriv c r) s) w ∨ denotes (deriv c s) w from h) with
        | inl h => exact split.mpr (Or.inl h)
        | inr h => exact split.mpr (Or.inr ⟨null, h⟩)
      · intro h
        cases split.mp h with
        | inl h => exact Or.inl h
        | inr h => exact Or.inr h.right
  | union r s hr hs =>
    intro w
    constructor
    · intro h
      cases (show denotes (deriv c r) w ∨ denotes (deriv c s) w from h) with
      | inl h => exact Or.inl ((hr w).mp h)
      | inr h => exact Or.inr ((hs w).mp h)
    · intro h
      cases (show denotes r (c :: w) ∨ denotes s (c :: w) from h) with
      | inl h => exact Or.inl ((hr w).mpr h)
      | inr h => exact Or.inr ((hs w).mpr h)
  | inter r s hr hs =>
    exact fun w => ⟨fun h => ⟨(hr w).mp h.left, (hs w).mp h.right⟩, fun h => ⟨(hr w).mpr h.left, (hs w).mpr h.right⟩⟩
  | compl r hr =>
    exact fun w => ⟨fun h inside => h ((hr w).mpr inside), fun h inside => h ((hr w).mp inside)⟩
  | star r hr =>
    intro w
    constructor
    · intro h
      obtain ⟨u, v, e, hu, hv⟩ :=
        (show ∃ u v, w = List.append u v ∧ denotes (deriv c r) u ∧ Repeated (denotes r) v from h)
      have word : c :: w = List.append (c :: u) v := (congrArg (List.cons c) e : c :: w = c :: List.append u v)
      rw [word]
      exact Repeated.more (c :: u) v ((hr u).mp hu) hv
    · intro h
      obtain ⟨u, v, e, hu, hv⟩ := repeated_cons (denotes r) c (c :: w) h w rfl
      exact ⟨u, v, e, (hr u).mpr hu, hv⟩

/-- The matcher accepts exactly the words of the language. -/
theorem accepts_exact (word : List Nat) : ∀ r, accepts r word = true ↔ denotes r word := by
  induction word with
  | nil => exact fun r => nullable_exact r
  | cons c w ih => exact fun r => Iff.trans (ih (deriv c r)) (deriv_exact c r w)

/-- If every expression of a set is not nullable, and each of its derivatives has the language of one in the set, then
no word is in any of their languages: what a certificate of emptiness shows. -/
theorem closed_set_is_empty (inside : Regex → Prop) (dead : ∀ r, inside r → nullable r = false)
    (closed : ∀ r, inside r → ∀ c, ∃ s, inside s ∧ ∀ w, accepts s w = accepts (deriv c r) w) (word : List Nat) :
    ∀ r, inside r → accepts r word = false := by
  induction word with
  | nil => exact fun r h => dead r h
  | cons c w ih =>
    intro r h
    obtain ⟨s, hs, same⟩ := closed r h c
    have step : accepts s w = false := ih s hs
    rw [same w] at step
    exact step

end Bartizan
