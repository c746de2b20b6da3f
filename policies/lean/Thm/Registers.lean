import Spec.Session
import Thm.Arithmetic

/-!
# Registers say what the operators say of the whole past
-/

namespace Bartizan

/-! ## Time -/

theorem ble_of (a : Nat) : ∀ (b : Nat), AtMost a b → Nat.ble a b = true :=
  fun _ h => Nat.ble_eq_true_of_le (le_of_atMost h)

theorem ble_trans (a b c : Nat) (h : Nat.ble a b = true) (k : Nat.ble b c = true) : Nat.ble a c = true :=
  ble_of a c (atMost_trans (ble_true a b h) (ble_true b c k))

theorem fresh_later (within : Option Nat) (now a b : Nat) (h : Nat.ble a b = true) :
    fresh within now a = true → fresh within now b = true := by
  cases within with
  | none => exact fun _ => rfl
  | some w =>
    intro k
    exact ble_of now (Nat.add b w)
      (atMost_trans (ble_true now (Nat.add a w) k) (atMost_add (ble_true a b h) (atMost_refl w)))

theorem ordered_later {α : Type} (time : α → Nat) (past : List α) (a b : Nat) (h : Nat.ble a b = true) :
    Ordered time past a → Ordered time past b := by
  cases past with
  | nil => exact fun _ => True.intro
  | cons e t =>
    intro k
    obtain ⟨here, rest⟩ := (show Nat.ble (time e) a = true ∧ Ordered time t (time e) from k)
    exact ⟨ble_trans (time e) a b here h, rest⟩

/-! ## Once -/

/-- What is fresh at a register is not older than any time that bounds its past. -/
def Recent (within : Option Nat) (now : Nat) (m : Marks) (latest : Nat) : Prop :=
  (freshMark within now m.sure = true → fresh within now latest = true) ∧
    (freshMark within now m.perhaps = true → fresh within now latest = true)

theorem once_recent (within : Option Nat) (now : Nat) (past : List Seen) :
    ∀ (latest : Nat), Ordered Seen.time past latest → Recent within now (run onceStep noMarks past) latest := by
  induction past with
  | nil => exact fun latest _ => ⟨fun k => (by cases k), fun k => (by cases k)⟩
  | cons s t ih =>
    intro latest h
    obtain ⟨here, rest⟩ := (show Nat.ble s.time latest = true ∧ Ordered Seen.time t s.time from h)
    obtain ⟨b1, b2⟩ := ih s.time rest
    have later := fresh_later within now s.time latest here
    have claim : ∀ value : Option Bool,
        Recent within now (onceStep (run onceStep noMarks t) (Seen.mk s.time value)) latest := by
      intro value
      rcases value with _ | (_ | _)
      · exact ⟨fun k => later (b1 k), later⟩
      · exact ⟨fun k => later (b1 k), fun k => later (b2 k)⟩
      · exact ⟨later, fun k => later (b2 k)⟩
    exact claim s.value

theorem once_unknown (f sure perhaps : Bool) (h : sure = true → f = true) (k : perhaps = true → f = true) :
    (bif sure then some true else bif f then none else some false) =
      or3 (bif f then none else some false) (bif sure then some true else bif perhaps then none else some false) := by
  cases f <;> cases sure <;> cases perhaps <;>
    first
      | rfl
      | exact Bool.noConfusion (h rfl)
      | exact Bool.noConfusion (k rfl)

theorem once_true (f sure perhaps : Bool) (h : sure = true → f = true) (k : perhaps = true → f = true) :
    (bif f then some true else bif perhaps then none else some false) =
      or3 (bif f then some true else some false)
        (bif sure then some true else bif perhaps then none else some false) := by
  cases f <;> cases sure <;> cases perhaps <;>
    first
      | rfl
      | exact Bool.noConfusion (h rfl)
      | exact Bool.noConfusion (k rfl)

theorem once_false (f sure perhaps : Bool) :
    (bif sure then some true else bif perhaps then none else some false) =
      or3 (bif f then some false else some false)
        (bif sure then some true else bif perhaps then none else some false) := by
  cases f <;> cases sure <;> cases perhaps <;> rfl

theorem once_from (within : Option Nat) (now : Nat) (past : List Seen) :
    ∀ (latest : Nat), Ordered Seen.time past latest →
      marksRead within now (run onceStep noMarks past) = onceSpec within now past := by
  induction past with
  | nil => exact fun _ _ => rfl
  | cons s t ih =>
    intro latest h
    obtain ⟨_, rest⟩ := (show Nat.ble s.time latest = true ∧ Ordered Seen.time t s.time from h)
    obtain ⟨b1, b2⟩ := once_recent within now t s.time rest
    have claim : ∀ value : Option Bool,
        marksRead within now (onceStep (run onceStep noMarks t) (Seen.mk s.time value)) =
          or3 (bif fresh within now s.time then value else some false)
            (marksRead within now (run onceStep noMarks t)) := by
      intro value
      rcases value with _ | (_ | _)
      · exact once_unknown (fresh within now s.time) (freshMark within now (run onceStep noMarks t).sure)
          (freshMark within now (run onceStep noMarks t).perhaps) b1 b2
      · exact once_false (fresh within now s.time) (freshMark within now (run onceStep noMarks t).sure)
          (freshMark within now (run onceStep noMarks t).perhaps)
      · exact once_true (fresh within now s.time) (freshMark within now (run onceStep noMarks t).sure)
          (freshMark within now (run onceStep noMarks t).perhaps) b1 b2
    show marksRead within now (onceStep (run onceStep noMarks t) s) =
      or3 (bif fresh within now s.time then s.value else some false) (onceSpec within now t)
    rw [← ih s.time rest]
    exact claim s.value

/-- The register of `once` says what `once` says of the past. -/
theorem register_correct_once (within : Option Nat) (now : Nat) (past : List Seen) :
    Ordered Seen.time past now → marksRead within now (run onceStep noMarks past) = onceSpec within now past :=
  once_from within now past now

/-! ## Previous -/

/-- The register of `previous` says what `previous` says of the past. -/
theorem register_correct_previous (past : List Seen) :
    run (fun (_ : Option Bool) (s : Seen) => s.value) (some false) past = previousSpec past := by
  cases past with
  | nil => rfl
  | cons _ _ => rfl

/-! ## Since -/

theorem and3_assoc (a b c : Option Bool) : and3 (and3 a b) c = and3 a (and3 b c) := by
  rcases a with _ | (_ | _) <;> rcases b with _ | (_ | _) <;> rcases c with _ | (_ | _) <;> rfl

theorem and3_false (a : Option Bool) : and3 a (some false) = some false := by
  rcases a with _ | (_ | _) <;> rfl

theorem and3_true (a : Option Bool) : and3 a (some true) = a := by
  rcases a with _ | (_ | _) <;> rfl

theorem held_step (f : Bool) (r h k s : Option Bool) :
    or3 (bif f then and3 r (and3 h k) else some false) (and3 h s) =
      and3 h (or3 (bif f then and3 r k else some false) s) := by
  cases f <;> rcases r with _ | (_ | _) <;> rcases h with _ | (_ | _) <;> rcases k with _ | (_ | _) <;>
    rcases s with _ | (_ | _) <;> rfl

theorem since_held (within : Option Nat) (now : Nat) (past : List Pair) :
    ∀ (h k : Option Bool), sinceFrom within now past (and3 h k) = and3 h (sinceFrom within now past k) := by
  induction past with
  | nil => exact fun h _ => (and3_false h).symm
  | cons p t ih =>
    intro h k
    show or3 (bif fresh within now p.time then and3 p.right (and3 h k) else some false)
        (sinceFrom within now t (and3 (and3 h k) p.left)) =
      and3 h (or3 (bif fresh within now p.time then and3 p.right k else some false)
        (sinceFrom within now t (and3 k p.left)))
    rw [and3_assoc h k p.left, ih h (and3 k p.left)]
    exact held_step (fresh within now p.time) p.right h k (sinceFrom within now t (and3 k p.left))

theorem since_step (within : Option Nat) (now : Nat) (p : Pair) (t : List Pair) :
    sinceSpec within now (p :: t) =
      or3 (bif fresh within now p.time then p.right else some false) (and3 p.left (sinceSpec within now t)) := by
  have held : sinceFrom within now t p.left = and3 p.left (sinceFrom within now t (some true)) := by
    have general := since_held within now t p.left (some true)
    rw [and3_true p.left] at general
    exact general
  show or3 (bif fresh within now p.time then and3 p.right (some true) else some false)
      (sinceFrom within now t p.left) =
    or3 (bif fresh within now p.time then p.right else some false)
      (and3 p.left (sinceFrom within now t (some true)))
  rw [held, and3_true p.right]

/-- As for once; and what is sure is at least as recent as what is possible. -/
def Nested (within : Option Nat) (now : Nat) (m : Marks) (latest : Nat) : Prop :=
  Recent within now m latest ∧ (freshMark within now m.sure = true → freshMark within now m.perhaps = true)

theorem since_nested (within : Option Nat) (now : Nat) (past : List Pair) :
    ∀ (latest : Nat), Ordered Pair.time past latest → Nested within now (run sinceStep noMarks past) latest := by
  induction past with
  | nil => exact fun latest _ => ⟨⟨fun k => (by cases k), fun k => (by cases k)⟩, fun k => (by cases k)⟩
  | cons p t ih =>
    intro latest h
    obtain ⟨here, rest⟩ := (show Nat.ble p.time latest = true ∧ Ordered Pair.time t p.time from h)
    obtain ⟨⟨b1, b2⟩, n⟩ := ih p.time rest
    have later := fresh_later within now p.time latest here
    have claim : ∀ right left : Option Bool,
        Nested within now (sinceStep (run sinceStep noMarks t) (Pair.mk p.time left right)) latest := by
      intro right left
      rcases right with _ | (_ | _) <;> rcases left with _ | (_ | _) <;> refine ⟨⟨?_, ?_⟩, ?_⟩ <;> intro k <;>
        first
          | exact later k
          | exact later (b1 k)
          | exact later (b2 k)
          | exact b1 k
          | exact n k
          | exact k
          | cases k
    exact claim p.right p.left

theorem since_more (right left : Option Bool) (f sure perhaps : Bool) (h : sure = true → f = true)
    (k : perhaps = true → f = true) (n : sure = true → perhaps = true) :
    (bif (bif same3 right (some true) then f else bif same3 left (some true) then sure else false) then some true
      else bif (bif same3 right (some false) then bif same3 left (some false) then false else perhaps else f) then none
      else some false) =
    or3 (bif f then right else some false)
      (and3 left (bif sure then some true else bif perhaps then none else some false)) := by
  rcases right with _ | (_ | _) <;> rcases left with _ | (_ | _) <;> cases f <;> cases sure <;> cases perhaps <;>
    first
      | rfl
      | exact Bool.noConfusion (h rfl)
      | exact Bool.noConfusion (k rfl)
      | exact Bool.noConfusion (n rfl)

theorem surely_fresh (within : Option Nat) (now : Nat) (right left : Option Bool) (time : Nat) (before : Option Nat) :
    freshMark within now (surely right left time before) =
      (bif same3 right (some true) then fresh within now time
        else bif same3 left (some true) then freshMark within now before else false) := by
  rcases right with _ | (_ | _) <;> rcases left with _ | (_ | _) <;> rfl

theorem possibly_fresh (within : Option Nat) (now : Nat) (right left : Option Bool) (time : Nat)
    (before : Option Nat) :
    freshMark within now (possibly right left time before) =
      (bif same3 right (some false) then bif same3 left (some false) then false else freshMark within now before
        else fresh within now time) := by
  rcases right with _ | (_ | _) <;> rcases left with _ | (_ | _) <;> rfl

theorem since_from (within : Option Nat) (now : Nat) (past : List Pair) :
    ∀ (latest : Nat), Ordered Pair.time past latest →
      marksRead within now (run sinceStep noMarks past) = sinceSpec within now past := by
  induction past with
  | nil => exact fun _ _ => rfl
  | cons p t ih =>
    intro latest h
    obtain ⟨_, rest⟩ := (show Nat.ble p.time latest = true ∧ Ordered Pair.time t p.time from h)
    obtain ⟨⟨b1, b2⟩, n⟩ := since_nested within now t p.time rest
    rw [since_step within now p t, ← ih p.time rest]
    show (bif freshMark within now (surely p.right p.left p.time (run sinceStep noMarks t).sure) then some true
        else bif freshMark within now (possibly p.right p.left p.time (run sinceStep noMarks t).perhaps) then none
        else some false) =
      or3 (bif fresh within now p.time then p.right else some false)
        (and3 p.left (marksRead within now (run sinceStep noMarks t)))
    rw [surely_fresh within now p.right p.left p.time (run sinceStep noMarks t).sure,
      possibly_fresh within now p.right p.left p.time (run sinceStep noMarks t).perhaps]
    exact since_more p.right p.left (fresh within now p.time) (freshMark within now (run sinceStep noMarks t).sure)
      (freshMark within now (run sinceStep noMarks t).perhaps) b1 b2 n

/-- The register of `since` says what `since` says of the past. -/
theorem register_correct_since (within : Option Nat) (now : Nat) (past : List Pair) :
    Ordered Pair.time past now → marksRead within now (run sinceStep noMarks past) = sinceSpec within now past :=
  since_from within now past now

/-! ## Count -/

theorem least_succ (a b : Nat) : least (Nat.succ a) (Nat.succ b) = Nat.succ (least a b) := by
  show (bif Nat.ble a b then Nat.succ a else Nat.succ b) = Nat.succ (bif Nat.ble a b then a else b)
  cases Nat.ble a b <;> rfl

theorem least_none (a : Nat) : least a 0 = 0 := by
  cases a <;> rfl

theorem stale_count (within : Option Nat) (now : Nat) (times : List Nat) :
    ∀ (latest : Nat), Ordered (fun (t : Nat) => t) times latest → fresh within now latest = false →
      freshCount within now times = 0 := by
  induction times with
  | nil => exact fun _ _ _ => rfl
  | cons t r ih =>
    intro latest h k
    obtain ⟨here, rest⟩ := (show Nat.ble t latest = true ∧ Ordered (fun (t : Nat) => t) r t from h)
    have stale : fresh within now t = false :=
      false_of_not (fun yes => not_true (fresh_later within now t latest here yes) k)
    have skip := congrArg (fun b => bif b then Nat.succ (freshCount within now r) else freshCount within now r) stale
    exact skip.trans (ih t rest stale)

theorem take_ordered {α : Type} (time : α → Nat) (past : List α) :
    ∀ (cap latest : Nat), Ordered time past latest → Ordered time (List.take cap past) latest := by
  induction past with
  | nil =>
    intro cap latest _
    cases cap <;> exact True.intro
  | cons e t ih =>
    intro cap latest h
    obtain ⟨here, rest⟩ := (show Nat.ble (time e) latest = true ∧ Ordered time t (time e) from h)
    cases cap with
    | zero => exact True.intro
    | succ c => exact ⟨here, ih c (time e) rest⟩

theorem ring_from (within : Option Nat) (now : Nat) (times : List Nat) :
    ∀ (cap latest : Nat), Ordered (fun (t : Nat) => t) times latest →
      least (freshCount within now (List.take cap times)) cap = least (freshCount within now times) cap := by
  induction times with
  | nil =>
    intro cap latest _
    cases cap <;> rfl
  | cons t r ih =>
    intro cap latest h
    obtain ⟨_, rest⟩ := (show Nat.ble t latest = true ∧ Ordered (fun (t : Nat) => t) r t from h)
    cases cap with
    | zero =>
      exact (least_none (freshCount within now (List.take 0 (t :: r)))).trans
        (least_none (freshCount within now (t :: r))).symm
    | succ c =>
      show least (bif fresh within now t then Nat.succ (freshCount within now (List.take c r))
            else freshCount within now (List.take c r)) (Nat.succ c) =
        least (bif fresh within now t then Nat.succ (freshCount within now r) else freshCount within now r) (Nat.succ c)
      cases e : fresh within now t with
      | true =>
        show least (Nat.succ (freshCount within now (List.take c r))) (Nat.succ c) =
          least (Nat.succ (freshCount within now r)) (Nat.succ c)
        rw [least_succ (freshCount within now (List.take c r)) c, least_succ (freshCount within now r) c, ih c t rest]
      | false =>
        show least (freshCount within now (List.take c r)) (Nat.succ c) = least (freshCount within now r) (Nat.succ c)
        rw [stale_count within now r t rest e,
          stale_count within now (List.take c r) t (take_ordered (fun (t : Nat) => t) r c t rest) e]

/-- The last `cap` times decide whether a window holds `cap` of all times, and how many if it holds fewer. -/
theorem window_ring_exact (within : Option Nat) (now cap : Nat) (times : List Nat) :
    Ordered (fun (t : Nat) => t) times now →
      least (freshCount within now (List.take cap times)) cap = least (freshCount within now times) cap :=
  ring_from within now times cap now

theorem take_shorter {α : Type} (cap : Nat) :
    ∀ (l : List α), List.take cap (List.take (Nat.succ cap) l) = List.take cap l := by
  induction cap with
  | zero => exact fun _ => rfl
  | succ c ih =>
    intro l
    cases l with
    | nil => rfl
    | cons a t => exact congrArg (List.cons a) (ih t)

theorem take_again {α : Type} (cap : Nat) (a : α) (l : List α) :
    List.take cap (a :: List.take cap l) = List.take cap (a :: l) := by
  cases cap with
  | zero => rfl
  | succ c => exact congrArg (List.cons a) (take_shorter c l)

theorem ring_times (cap : Nat) (past : List Seen) :
    Ring.times (run (ringStep cap) noRing past) = List.take cap (hits past) := by
  induction past with
  | nil => cases cap <;> rfl
  | cons s t ih =>
    have claim : ∀ value : Option Bool,
        Ring.times (ringStep cap (run (ringStep cap) noRing t) (Seen.mk s.time value)) =
          List.take cap (bif isTrue value then s.time :: hits t else hits t) := by
      intro value
      rcases value with _ | (_ | _)
      · exact ih
      · exact ih
      · show List.take cap (s.time :: Ring.times (run (ringStep cap) noRing t)) = List.take cap (s.time :: hits t)
        rw [ih]
        exact take_again cap s.time (hits t)
    exact claim s.value

theorem unknown_stale (within : Option Nat) (now : Nat) (past : List Seen) :
    ∀ (latest : Nat), Ordered Seen.time past latest → fresh within now latest = false →
      unknownFresh within now past = false := by
  induction past with
  | nil => exact fun _ _ _ => rfl
  | cons s t ih =>
    intro latest h k
    obtain ⟨here, rest⟩ := (show Nat.ble s.time latest = true ∧ Ordered Seen.time t s.time from h)
    have stale : fresh within now s.time = false :=
      false_of_not (fun yes => not_true (fresh_later within now s.time latest here yes) k)
    have claim : ∀ (unknown new old : Bool), new = false → old = false → (unknown && new || old) = false := by
      intro unknown new old hn ho
      cases hn
      cases ho
      cases unknown <;> rfl
    exact claim (isNone s.value) (fresh within now s.time) (unknownFresh within now t) stale (ih s.time rest stale)

theorem ring_perhaps (within : Option Nat) (now cap : Nat) (past : List Seen) :
    ∀ (latest : Nat), Ordered Seen.time past latest →
      freshMark within now (Ring.perhaps (run (ringStep cap) noRing past)) = unknownFresh within now past := by
  induction past with
  | nil => exact fun _ _ => rfl
  | cons s t ih =>
    intro latest h
    obtain ⟨_, rest⟩ := (show Nat.ble s.time latest = true ∧ Ordered Seen.time t s.time from h)
    have claim : ∀ value : Option Bool,
        freshMark within now (Ring.perhaps (ringStep cap (run (ringStep cap) noRing t) (Seen.mk s.time value))) =
          (isNone value && fresh within now s.time || unknownFresh within now t) := by
      intro value
      rcases value with _ | (_ | _)
      · show fresh within now s.time = (true && fresh within now s.time || unknownFresh within now t)
        cases e : fresh within now s.time with
        | true => rfl
        | false => exact (unknown_stale within now t s.time rest e).symm
      · exact ih s.time rest
      · exact ih s.time rest
    exact claim s.value

theorem hits_ordered (past : List Seen) :
    ∀ (latest : Nat), Ordered Seen.time past latest → Ordered (fun (t : Nat) => t) (hits past) latest := by
  induction past with
  | nil => exact fun _ _ => True.intro
  | cons s t ih =>
    intro latest h
    obtain ⟨here, rest⟩ := (show Nat.ble s.time latest = true ∧ Ordered Seen.time t s.time from h)
    show Ordered (fun (t : Nat) => t) (bif isTrue s.value then s.time :: hits t else hits t) latest
    cases isTrue s.value with
    | true => exact ⟨here, ih s.time rest⟩
    | false => exact ordered_later (fun (t : Nat) => t) (hits t) s.time latest here (ih s.time rest)

theorem least_below (a b : Nat) : Nat.ble b (least a b) = Nat.ble b a := by
  cases e : Nat.ble a b with
  | true =>
    have same : least a b = a := by
      have computed := congrArg (fun c => bif c then a else b) e
      exact computed
    rw [same]
  | false =>
    have same : least a b = b := by
      have computed := congrArg (fun c => bif c then a else b) e
      exact computed
    have above : Nat.ble b a = true := ble_of b a (atMost_trans ⟨1, rfl⟩ (ble_false a b e))
    rw [same, above]
    exact ble_of b b (atMost_refl b)

theorem capped_least (saturate : Bool) (cap a b : Nat) (h : least a cap = least b cap) :
    capped saturate cap a = capped saturate cap b := by
  show (bif !saturate && Nat.ble cap a then none else some (least a cap)) =
    (bif !saturate && Nat.ble cap b then none else some (least b cap))
  rw [← least_below a cap, ← least_below b cap, h]

/-- The register of `count` says what `count` says of the past. -/
theorem register_correct_count (within : Option Nat) (now : Nat) (saturate : Bool) (cap : Nat) (past : List Seen) :
    Ordered Seen.time past now →
      ringRead within now saturate cap (run (ringStep cap) noRing past) = countSpec within now saturate cap past := by
  intro h
  show (bif freshMark within now (Ring.perhaps (run (ringStep cap) noRing past)) then none
      else capped saturate cap (freshCount within now (Ring.times (run (ringStep cap) noRing past)))) =
    (bif unknownFresh within now past then none else capped saturate cap (freshCount within now (hits past)))
  rw [ring_perhaps within now cap past now h, ring_times cap past,
    capped_least saturate cap (freshCount within now (List.take cap (hits past))) (freshCount within now (hits past))
      (window_ring_exact within now cap (hits past) (hits_ordered past now h))]

end Bartizan
