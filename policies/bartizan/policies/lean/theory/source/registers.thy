-- Registers: what is folded over a session is what the operator says of its past. A past has its newest event first.

structure Seen : Type := (time : Nat) (value : Option Bool)

-- The last time at which it was true, and the last at which it was not known.
structure Marks : Type := (sure : Option Nat) (perhaps : Option Nat)

-- An event is in the window: at most `within` ago, or whenever it was.
def fresh (within : Option Nat) (now : Nat) (time : Nat) : Bool :=
  match within with | none => Bool.true | some w => Nat.ble now (Nat.add time w)

def freshMark (within : Option Nat) (now : Nat) (mark : Option Nat) : Bool :=
  match mark with | none => Bool.false | some t => fresh within now t

-- The register after a past, from the oldest event on.
def run {σ : Type} {α : Type} (step : σ → α → σ) (start : σ) (past : List α) : σ :=
  match past with | nil => start | cons e t before => step before e

-- No event is later than a newer one, nor than `latest`.
def Ordered {α : Type} (time : α → Nat) (past : List α) : Nat → Prop :=
  match past with
  | nil => fun latest => True
  | cons e t before => fun latest => Nat.ble (time e) latest = Bool.true ∧ before (time e)

theorem ble_of (a : Nat) : ∀ (b : Nat), AtMost a b → Nat.ble a b = Bool.true :=
  match a with
  | zero => fun b h => rfl
  | succ a ih => fun b => (match b with
    | zero => fun h => (match h with
      | intro k e => (have bad : Nat.succ (Nat.add a k) = 0 := Eq.trans (Eq.symm (succ_add a k)) e; auto))
    | succ b => fun h => ih b (atMost_pred h))

theorem ble_trans (a : Nat) (b : Nat) (c : Nat) (h : Nat.ble a b = Bool.true) (k : Nat.ble b c = Bool.true) :
    Nat.ble a c = Bool.true := ble_of a c (atMost_trans (ble_true a b h) (ble_true b c k))

theorem fresh_later (within : Option Nat) (now : Nat) (a : Nat) (b : Nat) (h : Nat.ble a b = Bool.true) :
    fresh within now a = Bool.true → fresh within now b = Bool.true :=
  match within with
  | none => fun k => rfl
  | some w => fun k => ble_of now (Nat.add b w)
      (atMost_trans (ble_true now (Nat.add a w) k) (atMost_add (ble_true a b h) (atMost_refl w)))

theorem ordered_later {α : Type} (time : α → Nat) (past : List α) (a : Nat) (b : Nat) (h : Nat.ble a b = Bool.true) :
    Ordered time past a → Ordered time past b :=
  match past with
  | nil => fun k => True.intro
  | cons e t => fun k => And.intro (ble_trans (time e) a b k.left h) k.right

-- once

def onceSpec (within : Option Nat) (now : Nat) (past : List Seen) : Option Bool :=
  match past with
  | nil => Option.some Bool.false
  | cons s t before => or3 (cond (fresh within now s.time) s.value (Option.some Bool.false)) before

def onceStep (m : Marks) (s : Seen) : Marks :=
  match s.value with
  | none => Marks.mk m.sure (Option.some s.time)
  | some x => cond x (Marks.mk (Option.some s.time) m.perhaps) m

def marksRead (within : Option Nat) (now : Nat) (m : Marks) : Option Bool :=
  cond (freshMark within now m.sure) (Option.some Bool.true)
    (cond (freshMark within now m.perhaps) Option.none (Option.some Bool.false))

def noMarks : Marks := Marks.mk Option.none Option.none

-- What is fresh at a register is not older than any time that bounds its past.
def Recent (within : Option Nat) (now : Nat) (m : Marks) (latest : Nat) : Prop :=
  (freshMark within now m.sure = Bool.true → fresh within now latest = Bool.true) ∧
  (freshMark within now m.perhaps = Bool.true → fresh within now latest = Bool.true)

theorem once_recent (within : Option Nat) (now : Nat) (past : List Seen) : ∀ (latest : Nat),
    Ordered Seen.time past latest → Recent within now (run onceStep noMarks past) latest :=
  match past with
  | nil => fun latest h => And.intro (fun k => auto) (fun k => auto)
  | cons s t ih => fun latest h =>
    (have before : Recent within now (run onceStep noMarks t) s.time := ih s.time h.right;
      have later : fresh within now s.time = Bool.true → fresh within now latest = Bool.true :=
        fresh_later within now s.time latest h.left;
      show Recent within now (match s.value with
          | none => Marks.mk (run onceStep noMarks t).sure (Option.some s.time)
          | some x => cond x (Marks.mk (Option.some s.time) (run onceStep noMarks t).perhaps) (run onceStep noMarks t)) latest;
      match s.value with
      | none => And.intro (fun k => later (before.left k)) later
      | some x => (match x with
        | true => And.intro later (fun k => later (before.right k))
        | false => And.intro (fun k => later (before.left k)) (fun k => later (before.right k))))

-- One event more, with what is fresh of it and of what was before.
theorem once_more (value : Option Bool) (f : Bool) (sure : Bool) (perhaps : Bool) (h : sure = Bool.true → f = Bool.true)
    (k : perhaps = Bool.true → f = Bool.true) :
    (match value with
      | none => cond sure (Option.some Bool.true) (cond f Option.none (Option.some Bool.false))
      | some x => cond x (cond f (Option.some Bool.true) (cond perhaps Option.none (Option.some Bool.false)))
          (cond sure (Option.some Bool.true) (cond perhaps Option.none (Option.some Bool.false)))) =
      or3 (cond f value (Option.some Bool.false))
        (cond sure (Option.some Bool.true) (cond perhaps Option.none (Option.some Bool.false))) :=
  auto [value, f, sure, perhaps]

theorem once_from (within : Option Nat) (now : Nat) (past : List Seen) : ∀ (latest : Nat),
    Ordered Seen.time past latest → marksRead within now (run onceStep noMarks past) = onceSpec within now past :=
  match past with
  | nil => fun latest h => rfl
  | cons s t ih => fun latest h =>
    (have before : Recent within now (run onceStep noMarks t) s.time := once_recent within now t s.time h.right;
      show marksRead within now (match s.value with
          | none => Marks.mk (run onceStep noMarks t).sure (Option.some s.time)
          | some x => cond x (Marks.mk (Option.some s.time) (run onceStep noMarks t).perhaps) (run onceStep noMarks t)) =
        or3 (cond (fresh within now s.time) s.value (Option.some Bool.false)) (onceSpec within now t);
      rw [← ih s.time h.right];
      show marksRead within now (match s.value with
          | none => Marks.mk (run onceStep noMarks t).sure (Option.some s.time)
          | some x => cond x (Marks.mk (Option.some s.time) (run onceStep noMarks t).perhaps) (run onceStep noMarks t)) =
        or3 (cond (fresh within now s.time) s.value (Option.some Bool.false))
          (cond (freshMark within now (run onceStep noMarks t).sure) (Option.some Bool.true)
            (cond (freshMark within now (run onceStep noMarks t).perhaps) Option.none (Option.some Bool.false)));
      rw [← once_more s.value (fresh within now s.time) (freshMark within now (run onceStep noMarks t).sure)
          (freshMark within now (run onceStep noMarks t).perhaps) before.left before.right];
      match s.value with | none => rfl | some x => (match x with | true => rfl | false => rfl))

theorem register_correct_once (within : Option Nat) (now : Nat) (past : List Seen) : Ordered Seen.time past now →
    marksRead within now (run onceStep noMarks past) = onceSpec within now past := once_from within now past now

-- previous

def previousSpec (past : List Seen) : Option Bool :=
  match past with | nil => Option.some Bool.false | cons s t => s.value

theorem register_correct_previous (past : List Seen) :
    run (fun (before : Option Bool) (s : Seen) => s.value) (Option.some Bool.false) past = previousSpec past :=
  match past with | nil => rfl | cons s t => rfl

-- since

structure Pair : Type := (time : Nat) (left : Option Bool) (right : Option Bool)

-- Some event of the window at which `right`, and at all later ones `left`: `held` is that of those already passed.
def sinceFrom (within : Option Nat) (now : Nat) (past : List Pair) : Option Bool → Option Bool :=
  match past with
  | nil => fun held => Option.some Bool.false
  | cons p t before => fun held =>
      or3 (cond (fresh within now p.time) (and3 p.right held) (Option.some Bool.false)) (before (and3 held p.left))

def sinceSpec (within : Option Nat) (now : Nat) (past : List Pair) : Option Bool :=
  sinceFrom within now past (Option.some Bool.true)

def surely (right : Option Bool) (left : Option Bool) (time : Nat) (before : Option Nat) : Option Nat :=
  cond (same3 right (Option.some Bool.true)) (Option.some time)
    (cond (same3 left (Option.some Bool.true)) before Option.none)
def possibly (right : Option Bool) (left : Option Bool) (time : Nat) (before : Option Nat) : Option Nat :=
  cond (same3 right (Option.some Bool.false)) (cond (same3 left (Option.some Bool.false)) Option.none before)
    (Option.some time)

def sinceStep (m : Marks) (p : Pair) : Marks :=
  Marks.mk (surely p.right p.left p.time m.sure) (possibly p.right p.left p.time m.perhaps)

theorem and3_assoc (a : Option Bool) (b : Option Bool) (c : Option Bool) : and3 (and3 a b) c = and3 a (and3 b c) := auto [a, b, c]
theorem and3_swap (a : Option Bool) (b : Option Bool) (c : Option Bool) : and3 a (and3 b c) = and3 b (and3 a c) := auto [a, b, c]
theorem and3_or3 (a : Option Bool) (b : Option Bool) (c : Option Bool) : or3 (and3 a b) (and3 a c) = and3 a (or3 b c) :=
  auto [a, b, c]
theorem and3_false (a : Option Bool) : and3 a (Option.some Bool.false) = Option.some Bool.false := auto [a]
theorem and3_true (a : Option Bool) : and3 a (Option.some Bool.true) = a := auto [a]

theorem since_held (within : Option Nat) (now : Nat) (past : List Pair) : ∀ (h : Option Bool) (k : Option Bool),
    sinceFrom within now past (and3 h k) = and3 h (sinceFrom within now past k) :=
  match past with
  | nil => fun h k => Eq.symm (and3_false h)
  | cons p t ih => fun h k =>
    (show or3 (cond (fresh within now p.time) (and3 p.right (and3 h k)) (Option.some Bool.false))
          (sinceFrom within now t (and3 (and3 h k) p.left)) =
        and3 h (or3 (cond (fresh within now p.time) (and3 p.right k) (Option.some Bool.false))
          (sinceFrom within now t (and3 k p.left)));
      rw [and3_assoc h k p.left, ih h (and3 k p.left), and3_swap p.right h k,
        ← and3_or3 h (cond (fresh within now p.time) (and3 p.right k) (Option.some Bool.false))
          (sinceFrom within now t (and3 k p.left))];
      match fresh within now p.time with
      | true => rfl
      | false => (show or3 (Option.some Bool.false) (and3 h (sinceFrom within now t (and3 k p.left))) =
          or3 (and3 h (Option.some Bool.false)) (and3 h (sinceFrom within now t (and3 k p.left)));
          rw [and3_false h]; rfl))

theorem since_step (within : Option Nat) (now : Nat) (p : Pair) (t : List Pair) : sinceSpec within now (p :: t) =
    or3 (cond (fresh within now p.time) p.right (Option.some Bool.false)) (and3 p.left (sinceSpec within now t)) :=
  show or3 (cond (fresh within now p.time) (and3 p.right (Option.some Bool.true)) (Option.some Bool.false))
      (sinceFrom within now t p.left) =
    or3 (cond (fresh within now p.time) p.right (Option.some Bool.false))
      (and3 p.left (sinceFrom within now t (Option.some Bool.true)));
  rw [← since_held within now t p.left (Option.some Bool.true), and3_true p.right, and3_true p.left]; rfl

-- As for once; and what is sure is at least as recent as what is possible.
def Nested (within : Option Nat) (now : Nat) (m : Marks) (latest : Nat) : Prop :=
  Recent within now m latest ∧ (freshMark within now m.sure = Bool.true → freshMark within now m.perhaps = Bool.true)

theorem since_nested (within : Option Nat) (now : Nat) (past : List Pair) : ∀ (latest : Nat),
    Ordered Pair.time past latest → Nested within now (run sinceStep noMarks past) latest :=
  match past with
  | nil => fun latest h => And.intro (And.intro (fun k => auto) (fun k => auto)) (fun k => auto)
  | cons p t ih => fun latest h =>
    (have before : Nested within now (run sinceStep noMarks t) p.time := ih p.time h.right;
      have later : fresh within now p.time = Bool.true → fresh within now latest = Bool.true :=
        fresh_later within now p.time latest h.left;
      have claim : ∀ (right : Option Bool) (left : Option Bool), Nested within now
          (Marks.mk (surely right left p.time (run sinceStep noMarks t).sure)
            (possibly right left p.time (run sinceStep noMarks t).perhaps)) latest :=
        (fun right left => match right with
        | none => (match left with
          | none => And.intro (And.intro (fun k => auto) later) (fun k => auto)
          | some y => (match y with
            | true => And.intro (And.intro (fun k => later (before.left.left k)) later) before.left.left
            | false => And.intro (And.intro (fun k => auto) later) (fun k => auto)))
        | some x => (match x with
          | true => And.intro (And.intro later later) (fun k => k)
          | false => (match left with
            | none => And.intro (And.intro (fun k => auto) (fun k => later (before.left.right k))) (fun k => auto)
            | some y => (match y with
              | true => And.intro (And.intro (fun k => later (before.left.left k)) (fun k => later (before.left.right k)))
                  before.right
              | false => And.intro (And.intro (fun k => auto) (fun k => auto)) (fun k => auto)))));
      claim p.right p.left)

theorem since_more (right : Option Bool) (left : Option Bool) (f : Bool) (sure : Bool) (perhaps : Bool)
    (h : sure = Bool.true → f = Bool.true) (k : perhaps = Bool.true → f = Bool.true)
    (n : sure = Bool.true → perhaps = Bool.true) :
    cond (cond (same3 right (Option.some Bool.true)) f (cond (same3 left (Option.some Bool.true)) sure Bool.false))
      (Option.some Bool.true)
      (cond (cond (same3 right (Option.some Bool.false)) (cond (same3 left (Option.some Bool.false)) Bool.false perhaps) f)
        Option.none (Option.some Bool.false)) =
    or3 (cond f right (Option.some Bool.false))
      (and3 left (cond sure (Option.some Bool.true) (cond perhaps Option.none (Option.some Bool.false)))) :=
  auto [right, left, f, sure, perhaps]

theorem surely_fresh (within : Option Nat) (now : Nat) (right : Option Bool) (left : Option Bool) (time : Nat)
    (before : Option Nat) : freshMark within now (surely right left time before) =
      cond (same3 right (Option.some Bool.true)) (fresh within now time)
        (cond (same3 left (Option.some Bool.true)) (freshMark within now before) Bool.false) := auto [right, left]
theorem possibly_fresh (within : Option Nat) (now : Nat) (right : Option Bool) (left : Option Bool) (time : Nat)
    (before : Option Nat) : freshMark within now (possibly right left time before) =
      cond (same3 right (Option.some Bool.false)) (cond (same3 left (Option.some Bool.false)) Bool.false
        (freshMark within now before)) (fresh within now time) := auto [right, left]

theorem since_from (within : Option Nat) (now : Nat) (past : List Pair) : ∀ (latest : Nat),
    Ordered Pair.time past latest → marksRead within now (run sinceStep noMarks past) = sinceSpec within now past :=
  match past with
  | nil => fun latest h => rfl
  | cons p t ih => fun latest h =>
    (have before : Nested within now (run sinceStep noMarks t) p.time := since_nested within now t p.time h.right;
      rw [since_step within now p t, ← ih p.time h.right];
      show cond (freshMark within now (surely p.right p.left p.time (run sinceStep noMarks t).sure)) (Option.some Bool.true)
          (cond (freshMark within now (possibly p.right p.left p.time (run sinceStep noMarks t).perhaps)) Option.none
            (Option.some Bool.false)) =
        or3 (cond (fresh within now p.time) p.right (Option.some Bool.false))
          (and3 p.left (marksRead within now (run sinceStep noMarks t)));
      rw [surely_fresh within now p.right p.left p.time (run sinceStep noMarks t).sure,
        possibly_fresh within now p.right p.left p.time (run sinceStep noMarks t).perhaps];
      since_more p.right p.left (fresh within now p.time) (freshMark within now (run sinceStep noMarks t).sure)
        (freshMark within now (run sinceStep noMarks t).perhaps) before.left.left before.left.right before.right)

theorem register_correct_since (within : Option Nat) (now : Nat) (past : List Pair) : Ordered Pair.time past now →
    marksRead within now (run sinceStep noMarks past) = sinceSpec within now past := since_from within now past now

-- count: the last `cap` times, and the last time at which it was not known

def least (a : Nat) (b : Nat) : Nat := cond (Nat.ble a b) a b

def freshCount (within : Option Nat) (now : Nat) (times : List Nat) : Nat :=
  match times with | nil => 0 | cons t r before => cond (fresh within now t) (Nat.succ before) before

theorem least_succ (a : Nat) (b : Nat) : least (Nat.succ a) (Nat.succ b) = Nat.succ (least a b) :=
  show cond (Nat.ble a b) (Nat.succ a) (Nat.succ b) = Nat.succ (cond (Nat.ble a b) a b);
  match Nat.ble a b with | true => rfl | false => rfl

theorem least_none (a : Nat) : least a 0 = 0 := match a with | zero => rfl | succ n => rfl

theorem stale_count (within : Option Nat) (now : Nat) (times : List Nat) : ∀ (latest : Nat),
    Ordered (fun (t : Nat) => t) times latest → fresh within now latest = Bool.false → freshCount within now times = 0 :=
  match times with
  | nil => fun latest h k => rfl
  | cons t r ih => fun latest h k =>
    (have stale : fresh within now t = Bool.false :=
        false_of_not (fun yes => not_true (fresh_later within now t latest h.left yes) k);
      show cond (fresh within now t) (Nat.succ (freshCount within now r)) (freshCount within now r) = 0;
      rw [stale]; ih t h.right stale)

theorem take_ordered {α : Type} (time : α → Nat) (past : List α) : ∀ (cap : Nat) (latest : Nat),
    Ordered time past latest → Ordered time (List.take cap past) latest :=
  match past with
  | nil => fun cap latest h => (match cap with | zero => True.intro | succ c => True.intro)
  | cons e t ih => fun cap latest h => (match cap with
    | zero => True.intro
    | succ c => And.intro h.left (ih c (time e) h.right))

theorem ring_from (within : Option Nat) (now : Nat) (times : List Nat) : ∀ (cap : Nat) (latest : Nat),
    Ordered (fun (t : Nat) => t) times latest →
    least (freshCount within now (List.take cap times)) cap = least (freshCount within now times) cap :=
  match times with
  | nil => fun cap latest h => (match cap with | zero => rfl | succ c => rfl)
  | cons t r ih => fun cap latest h => (match cap with
    | zero => Eq.symm (least_none (freshCount within now (t :: r)))
    | succ c => (show least (cond (fresh within now t) (Nat.succ (freshCount within now (List.take c r)))
            (freshCount within now (List.take c r))) (Nat.succ c) =
          least (cond (fresh within now t) (Nat.succ (freshCount within now r)) (freshCount within now r)) (Nat.succ c);
        match e : fresh within now t with
        | true => (show least (Nat.succ (freshCount within now (List.take c r))) (Nat.succ c) =
              least (Nat.succ (freshCount within now r)) (Nat.succ c);
            rw [least_succ (freshCount within now (List.take c r)) c, least_succ (freshCount within now r) c, ih c t h.right];
            rfl)
        | false => (show least (freshCount within now (List.take c r)) (Nat.succ c) =
              least (freshCount within now r) (Nat.succ c);
            rw [stale_count within now r t h.right e,
              stale_count within now (List.take c r) t (take_ordered (fun (t : Nat) => t) r c t h.right) e]; rfl)))

theorem window_ring_exact (within : Option Nat) (now : Nat) (cap : Nat) (times : List Nat) :
    Ordered (fun (t : Nat) => t) times now →
    least (freshCount within now (List.take cap times)) cap = least (freshCount within now times) cap :=
  ring_from within now times cap now

-- A number that is not known from `cap` on, unless it is only compared with less.
def capped (saturate : Bool) (cap : Nat) (number : Nat) : Option Nat :=
  cond (not saturate && Nat.ble cap number) Option.none (Option.some (least number cap))

def isTrue (a : Option Bool) : Bool := match a with | none => Bool.false | some x => x

def hits (past : List Seen) : List Nat :=
  match past with | nil => [] | cons s t before => cond (isTrue s.value) (s.time :: before) before

def unknownFresh (within : Option Nat) (now : Nat) (past : List Seen) : Bool :=
  List.any past (fun s => isNone s.value && fresh within now s.time)

def countSpec (within : Option Nat) (now : Nat) (saturate : Bool) (cap : Nat) (past : List Seen) : Option Nat :=
  cond (unknownFresh within now past) Option.none (capped saturate cap (freshCount within now (hits past)))

structure Ring : Type := (times : List Nat) (perhaps : Option Nat)

def noRing : Ring := Ring.mk [] Option.none

def ringStep (cap : Nat) (r : Ring) (s : Seen) : Ring :=
  match s.value with
  | none => Ring.mk r.times (Option.some s.time)
  | some x => cond x (Ring.mk (List.take cap (s.time :: r.times)) r.perhaps) r

def ringRead (within : Option Nat) (now : Nat) (saturate : Bool) (cap : Nat) (r : Ring) : Option Nat :=
  cond (freshMark within now r.perhaps) Option.none (capped saturate cap (freshCount within now r.times))

theorem take_shorter {α : Type} (cap : Nat) : ∀ (l : List α), List.take cap (List.take (Nat.succ cap) l) = List.take cap l :=
  match cap with
  | zero => fun l => rfl
  | succ c ih => fun l => (match l with | nil => rfl | cons a t => congrArg (List.cons a) (ih t))

theorem take_again {α : Type} (cap : Nat) (a : α) (l : List α) :
    List.take cap (a :: List.take cap l) = List.take cap (a :: l) :=
  match cap with | zero => rfl | succ c => congrArg (List.cons a) (take_shorter c l)

theorem ring_times (cap : Nat) (past : List Seen) : (run (ringStep cap) noRing past).times = List.take cap (hits past) :=
  match past with
  | nil => (match cap with | zero => rfl | succ c => rfl)
  | cons s t ih =>
    (show Ring.times (match s.value with
          | none => Ring.mk (run (ringStep cap) noRing t).times (Option.some s.time)
          | some x => cond x (Ring.mk (List.take cap (s.time :: (run (ringStep cap) noRing t).times))
              (run (ringStep cap) noRing t).perhaps) (run (ringStep cap) noRing t)) =
        List.take cap (cond (isTrue s.value) (s.time :: hits t) (hits t));
      match s.value with
      | none => ih
      | some x => (match x with
        | true => (show List.take cap (s.time :: (run (ringStep cap) noRing t).times) = List.take cap (s.time :: hits t);
            rw [ih]; take_again cap s.time (hits t))
        | false => ih))

theorem unknown_stale (within : Option Nat) (now : Nat) (past : List Seen) : ∀ (latest : Nat),
    Ordered Seen.time past latest → fresh within now latest = Bool.false → unknownFresh within now past = Bool.false :=
  match past with
  | nil => fun latest h k => rfl
  | cons s t ih => fun latest h k =>
    (have stale : fresh within now s.time = Bool.false :=
        false_of_not (fun yes => not_true (fresh_later within now s.time latest h.left yes) k);
      show or (isNone s.value && fresh within now s.time) (unknownFresh within now t) = Bool.false;
      rw [stale, ih s.time h.right stale]; auto [isNone s.value])

theorem ring_perhaps (within : Option Nat) (now : Nat) (cap : Nat) (past : List Seen) : ∀ (latest : Nat),
    Ordered Seen.time past latest →
    freshMark within now (run (ringStep cap) noRing past).perhaps = unknownFresh within now past :=
  match past with
  | nil => fun latest h => rfl
  | cons s t ih => fun latest h =>
    (show freshMark within now (Ring.perhaps (match s.value with
          | none => Ring.mk (run (ringStep cap) noRing t).times (Option.some s.time)
          | some x => cond x (Ring.mk (List.take cap (s.time :: (run (ringStep cap) noRing t).times))
              (run (ringStep cap) noRing t).perhaps) (run (ringStep cap) noRing t))) =
        or (isNone s.value && fresh within now s.time) (unknownFresh within now t);
      match s.value with
      | none => (show fresh within now s.time = or (fresh within now s.time) (unknownFresh within now t);
          match e : fresh within now s.time with
          | true => rfl
          | false => Eq.symm (unknown_stale within now t s.time h.right e))
      | some x => (match x with | true => ih s.time h.right | false => ih s.time h.right))

theorem hits_ordered (past : List Seen) : ∀ (latest : Nat), Ordered Seen.time past latest →
    Ordered (fun (t : Nat) => t) (hits past) latest :=
  match past with
  | nil => fun latest h => True.intro
  | cons s t ih => fun latest h =>
    (show Ordered (fun (t : Nat) => t) (cond (isTrue s.value) (s.time :: hits t) (hits t)) latest;
      match isTrue s.value with
      | true => And.intro h.left (ih s.time h.right)
      | false => ordered_later (fun (t : Nat) => t) (hits t) s.time latest h.left (ih s.time h.right))

theorem least_below (a : Nat) (b : Nat) : Nat.ble b (least a b) = Nat.ble b a :=
  match e : Nat.ble a b with
  | true => (show Nat.ble b (cond (Nat.ble a b) a b) = Nat.ble b a; rw [e]; rfl)
  | false => (show Nat.ble b (cond (Nat.ble a b) a b) = Nat.ble b a; rw [e];
      show Nat.ble b b = Nat.ble b a;
      rw [ble_of b b (atMost_refl b), ble_of b a (atMost_trans (Exists.intro 1 rfl) (ble_false a b e))]; rfl)

theorem capped_least (saturate : Bool) (cap : Nat) (a : Nat) (b : Nat) (h : least a cap = least b cap) :
    capped saturate cap a = capped saturate cap b :=
  show cond (not saturate && Nat.ble cap a) Option.none (Option.some (least a cap)) =
    cond (not saturate && Nat.ble cap b) Option.none (Option.some (least b cap));
  rw [← least_below a cap, ← least_below b cap, h]; rfl

theorem register_correct_count (within : Option Nat) (now : Nat) (saturate : Bool) (cap : Nat) (past : List Seen) :
    Ordered Seen.time past now →
    ringRead within now saturate cap (run (ringStep cap) noRing past) = countSpec within now saturate cap past :=
  fun h =>
    show cond (freshMark within now (run (ringStep cap) noRing past).perhaps) Option.none
        (capped saturate cap (freshCount within now (run (ringStep cap) noRing past).times)) =
      cond (unknownFresh within now past) Option.none (capped saturate cap (freshCount within now (hits past)));
    rw [ring_perhaps within now cap past now h, ring_times cap past,
      capped_least saturate cap (freshCount within now (List.take cap (hits past))) (freshCount within now (hits past))
        (window_ring_exact within now cap (hits past) (hits_ordered past now h))]; rfl
