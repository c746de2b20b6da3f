import Spec.Budget
import Thm.Decide

/-!
# Linear forms say what comparisons say

For the part of a certificate that contradicts comparisons with each other.
-/

namespace Bartizan

/-! ## Natural numbers -/

theorem zero_add (n : Nat) : Nat.add 0 n = n := Nat.zero_add n

theorem succ_add (n m : Nat) : Nat.add (Nat.succ n) m = Nat.succ (Nat.add n m) := Nat.succ_add n m

theorem add_comm (n m : Nat) : Nat.add n m = Nat.add m n := Nat.add_comm n m

theorem add_assoc (a b c : Nat) : Nat.add (Nat.add a b) c = Nat.add a (Nat.add b c) := Nat.add_assoc a b c

theorem add_swap (a b c d : Nat) :
    Nat.add (Nat.add a b) (Nat.add c d) = Nat.add (Nat.add a c) (Nat.add b d) := by
  rw [add_assoc a b (Nat.add c d), add_assoc a c (Nat.add b d), ← add_assoc b c d, ← add_assoc c b d, add_comm b c]

theorem zero_mul (n : Nat) : Nat.mul 0 n = 0 := Nat.zero_mul n

theorem one_mul (n : Nat) : Nat.mul 1 n = n := Nat.one_mul n

theorem mul_add (a b c : Nat) : Nat.mul a (Nat.add b c) = Nat.add (Nat.mul a b) (Nat.mul a c) :=
  Nat.left_distrib a b c

theorem add_mul (a b c : Nat) : Nat.mul (Nat.add a b) c = Nat.add (Nat.mul a c) (Nat.mul b c) :=
  Nat.right_distrib a b c

theorem mul_assoc (a b c : Nat) : Nat.mul (Nat.mul a b) c = Nat.mul a (Nat.mul b c) := Nat.mul_assoc a b c

/-- `a ≤ b`. -/
def AtMost (a b : Nat) : Prop :=
  ∃ k, Nat.add a k = b

theorem atMost_of_le {a b : Nat} (h : Nat.le a b) : AtMost a b := Nat.le.dest h

theorem le_of_atMost {a b : Nat} (h : AtMost a b) : Nat.le a b := by
  obtain ⟨k, e⟩ := h
  rw [← e]
  exact Nat.le_add_right a k

theorem least_zero (n : Nat) : AtMost 0 n := ⟨n, zero_add n⟩

theorem atMost_refl (n : Nat) : AtMost n n := ⟨0, rfl⟩

theorem atMost_of_eq {a b : Nat} (h : a = b) : AtMost a b := ⟨0, h⟩

theorem atMost_pred {a b : Nat} (h : AtMost (Nat.succ a) (Nat.succ b)) : AtMost a b :=
  atMost_of_le (Nat.le_of_succ_le_succ (le_of_atMost h))

theorem atMost_trans {a b c : Nat} (h : AtMost a b) (k : AtMost b c) : AtMost a c :=
  atMost_of_le (Nat.le_trans (le_of_atMost h) (le_of_atMost k))

theorem atMost_add {a b c d : Nat} (h : AtMost a b) (k : AtMost c d) : AtMost (Nat.add a c) (Nat.add b d) :=
  atMost_of_le (Nat.add_le_add (le_of_atMost h) (le_of_atMost k))

theorem atMost_mul {a b : Nat} (w : Nat) (h : AtMost a b) : AtMost (Nat.mul w a) (Nat.mul w b) :=
  atMost_of_le (Nat.mul_le_mul (Nat.le_refl w) (le_of_atMost h))

theorem atMost_mul_right {a b : Nat} (w : Nat) (h : AtMost a b) : AtMost (Nat.mul a w) (Nat.mul b w) :=
  atMost_of_le (Nat.mul_le_mul (le_of_atMost h) (Nat.le_refl w))

theorem not_below_itself (n : Nat) : AtMost (Nat.succ n) n → False :=
  fun h => Nat.not_succ_le_self n (le_of_atMost h)

theorem ble_true (a : Nat) : ∀ (b : Nat), Nat.ble a b = true → AtMost a b :=
  fun _ h => atMost_of_le (Nat.le_of_ble_eq_true h)

theorem ble_false (a : Nat) : ∀ (b : Nat), Nat.ble a b = false → AtMost (Nat.succ b) a := by
  induction a with
  | zero =>
    intro b h
    cases b <;> cases h
  | succ a ih =>
    intro b h
    cases b with
    | zero => exact atMost_of_le (Nat.succ_le_succ (Nat.zero_le a))
    | succ b => exact atMost_of_le (Nat.succ_le_succ (le_of_atMost (ih b h)))

theorem zero_extra {a b : Nat} (h : AtMost a b) : AtMost (Nat.add 0 a) b := by
  rw [zero_add a]
  exact h

theorem one_extra {a b : Nat} (h : AtMost (Nat.succ a) b) : AtMost (Nat.add 1 a) b := by
  have e : Nat.add 1 a = Nat.succ a := Nat.add_comm 1 a
  rw [e]
  exact h

/-! ## Forms and their values -/

def product (c d : Diff) : Nat :=
  Nat.add (Nat.mul c.pos d.pos) (Nat.mul c.neg d.neg)

def dot : List Diff → ((Nat → Diff) → Nat)
  | [] => fun _ => 0
  | c :: t => fun v => Nat.add (product c (v 0)) (dot t (fun i => v (Nat.succ i)))

def Form.value (f : Form) (v : Nat → Diff) : Nat :=
  Nat.add f.const (dot f.coefs v)

theorem product_add (c d x : Diff) : product (Diff.add c d) x = Nat.add (product c x) (product d x) := by
  show Nat.add (Nat.mul (Nat.add c.pos d.pos) x.pos) (Nat.mul (Nat.add c.neg d.neg) x.neg)
    = Nat.add (Nat.add (Nat.mul c.pos x.pos) (Nat.mul c.neg x.neg))
        (Nat.add (Nat.mul d.pos x.pos) (Nat.mul d.neg x.neg))
  rw [add_mul c.pos d.pos x.pos, add_mul c.neg d.neg x.neg]
  exact add_swap (Nat.mul c.pos x.pos) (Nat.mul d.pos x.pos) (Nat.mul c.neg x.neg) (Nat.mul d.neg x.neg)

theorem product_mul (k : Nat) (c x : Diff) :
    product (Diff.mk (Nat.mul k c.pos) (Nat.mul k c.neg)) x = Nat.mul k (product c x) := by
  show Nat.add (Nat.mul (Nat.mul k c.pos) x.pos) (Nat.mul (Nat.mul k c.neg) x.neg)
    = Nat.mul k (Nat.add (Nat.mul c.pos x.pos) (Nat.mul c.neg x.neg))
  rw [mul_add k (Nat.mul c.pos x.pos) (Nat.mul c.neg x.neg), mul_assoc k c.pos x.pos, mul_assoc k c.neg x.neg]

theorem product_zero (x : Diff) : product (Diff.mk 0 0) x = 0 := by
  show Nat.add (Nat.mul 0 x.pos) (Nat.mul 0 x.neg) = 0
  rw [zero_mul x.pos, zero_mul x.neg] <;> rfl

theorem dot_sums (a : List Diff) :
    ∀ (b : List Diff) (v : Nat → Diff), dot (sums a b) v = Nat.add (dot a v) (dot b v) := by
  induction a with
  | nil => exact fun b v => (zero_add (dot b v)).symm
  | cons c t ih =>
    intro b v
    cases b with
    | nil =>
      show dot (c :: t) v = Nat.add (dot (c :: t) v) 0
      exact (Nat.add_zero (dot (c :: t) v)).symm
    | cons d s =>
      show Nat.add (product (Diff.add c d) (v 0)) (dot (sums t s) (fun i => v (Nat.succ i)))
        = Nat.add (Nat.add (product c (v 0)) (dot t (fun i => v (Nat.succ i))))
            (Nat.add (product d (v 0)) (dot s (fun i => v (Nat.succ i))))
      rw [product_add c d (v 0), ih s (fun i => v (Nat.succ i))]
      exact add_swap (product c (v 0)) (product d (v 0)) (dot t (fun i => v (Nat.succ i)))
        (dot s (fun i => v (Nat.succ i)))

theorem dot_multiplied (k : Nat) (a : List Diff) :
    ∀ (v : Nat → Diff), dot (multiplied k a) v = Nat.mul k (dot a v) := by
  induction a with
  | nil =>
    intro v
    show 0 = Nat.mul k 0
    exact (Nat.mul_zero k).symm
  | cons c t ih =>
    intro v
    show Nat.add (product (Diff.mk (Nat.mul k c.pos) (Nat.mul k c.neg)) (v 0))
        (dot (multiplied k t) (fun i => v (Nat.succ i)))
      = Nat.mul k (Nat.add (product c (v 0)) (dot t (fun i => v (Nat.succ i))))
    rw [product_mul k c (v 0), ih (fun i => v (Nat.succ i)),
      mul_add k (product c (v 0)) (dot t (fun i => v (Nat.succ i)))]

theorem dot_unit (d : Diff) (i : Nat) : ∀ (v : Nat → Diff), dot (unit d i) v = product d (v i) := by
  induction i with
  | zero =>
    intro v
    show Nat.add (product d (v 0)) 0 = product d (v 0)
    exact Nat.add_zero (product d (v 0))
  | succ i ih =>
    intro v
    show Nat.add (product (Diff.mk 0 0) (v 0)) (dot (unit d i) (fun j => v (Nat.succ j))) = product d (v (Nat.succ i))
    rw [product_zero (v 0), ih (fun j => v (Nat.succ j))]
    exact zero_add (product d (v (Nat.succ i)))

theorem value_add (f g : Form) (v : Nat → Diff) :
    Form.value (Form.add f g) v = Nat.add (Form.value f v) (Form.value g v) := by
  show Nat.add (Nat.add f.const g.const) (dot (sums f.coefs g.coefs) v)
    = Nat.add (Nat.add f.const (dot f.coefs v)) (Nat.add g.const (dot g.coefs v))
  rw [dot_sums f.coefs g.coefs v]
  exact add_swap f.const g.const (dot f.coefs v) (dot g.coefs v)

theorem value_scale (k : Nat) (f : Form) (v : Nat → Diff) :
    Form.value (Form.scale k f) v = Nat.mul k (Form.value f v) := by
  show Nat.add (Nat.mul k f.const) (dot (multiplied k f.coefs) v) = Nat.mul k (Nat.add f.const (dot f.coefs v))
  rw [dot_multiplied k f.coefs v, mul_add k f.const (dot f.coefs v)]

/-! ## Numbers under a valuation -/

theorem form_sound (a : Num) (v : Nat → Diff) :
    ∀ (s : Bool), Form.value (Num.form a s) v = pick s (Num.total a v) := by
  induction a with
  | lit n =>
    intro s
    show Nat.add (pick s (Diff.ofInt n)) 0 = pick s (Diff.ofInt n)
    exact Nat.add_zero (pick s (Diff.ofInt n))
  | var i =>
    intro s
    show Nat.add 0 (dot (unit (bif s then Diff.mk 1 0 else Diff.mk 0 1) i) v) = pick s (v i)
    rw [zero_add (dot (unit (bif s then Diff.mk 1 0 else Diff.mk 0 1) i) v),
      dot_unit (bif s then Diff.mk 1 0 else Diff.mk 0 1) i v]
    cases s with
    | true =>
      show Nat.add (Nat.mul 1 (v i).pos) (Nat.mul 0 (v i).neg) = (v i).pos
      rw [one_mul (v i).pos, zero_mul (v i).neg] <;> exact Nat.add_zero (v i).pos
    | false =>
      show Nat.add (Nat.mul 0 (v i).pos) (Nat.mul 1 (v i).neg) = (v i).neg
      rw [one_mul (v i).neg, zero_mul (v i).pos] <;> exact zero_add (v i).neg
  | add a b f g =>
    intro s
    show Form.value (Form.add (Num.form a s) (Num.form b s)) v = pick s (Diff.add (Num.total a v) (Num.total b v))
    rw [value_add (Num.form a s) (Num.form b s) v, f s, g s]
    cases s <;> rfl
  | scale k a f =>
    intro s
    match k with
    | Int.ofNat n =>
      show Form.value (Form.scale n (Num.form a s)) v = pick s (Diff.scale (Int.ofNat n) (Num.total a v))
      rw [value_scale n (Num.form a s) v, f s]
      cases s <;> rfl
    | Int.negSucc n =>
      show Form.value (Form.scale (Nat.succ n) (Num.form a (!s))) v
        = pick s (Diff.scale (Int.negSucc n) (Num.total a v))
      rw [value_scale (Nat.succ n) (Num.form a (!s)) v, f (!s)]
      cases s <;> rfl

theorem lift1_some {α β : Type} (f : α → β) (a : Option α) (y : β) (h : lift1 f a = some y) :
    ∃ x, a = some x ∧ f x = y := by
  cases a with
  | none => cases h
  | some x => exact ⟨x, rfl, Option.some.inj (show some (f x) = some y from h)⟩

theorem lift2_some {α β γ : Type} (f : α → β → γ) (a : Option α) (b : Option β) (z : γ) (h : lift2 f a b = some z) :
    ∃ x, a = some x ∧ ∃ y, b = some y ∧ f x y = z := by
  cases a with
  | none => cases h
  | some x => exact ⟨x, rfl, lift1_some (f x) b z h⟩

theorem total_eval (a : Num) (env : Env) :
    ∀ (d : Diff), Num.eval a env = some d → Num.total a (valuation env) = d := by
  induction a with
  | lit n => exact fun d h => Option.some.inj (show some (Diff.ofInt n) = some d from h)
  | var i =>
    intro d h
    obtain ⟨n, e, same⟩ := lift1_some Diff.ofInt (env.nums i) d h
    have value : valuation env i = Diff.ofInt n := by
      unfold valuation
      rw [e] <;> rfl
    exact value.trans same
  | add a b f g =>
    intro d h
    obtain ⟨x, ex, y, ey, e⟩ := lift2_some Diff.add (Num.eval a env) (Num.eval b env) d h
    show Diff.add (Num.total a (valuation env)) (Num.total b (valuation env)) = d
    rw [f x ex, g y ey]
    exact e
  | scale k a f =>
    intro d h
    obtain ⟨x, ex, e⟩ := lift1_some (Diff.scale k) (Num.eval a env) d h
    show Diff.scale k (Num.total a (valuation env)) = d
    rw [f x ex]
    exact e

/-! ## Sums of inequalities -/

def Inequality.holds (q : Inequality) (v : Nat → Diff) : Prop :=
  AtMost (Form.value q.small v) (Form.value q.large v)

theorem below_holds (a b : Num) (extra : Nat) (v : Nat → Diff)
    (h : AtMost (Nat.add extra (Nat.add (Diff.pos (Num.total a v)) (Diff.neg (Num.total b v))))
      (Nat.add (Diff.pos (Num.total b v)) (Diff.neg (Num.total a v)))) :
    Inequality.holds (below a b extra) v := by
  show AtMost (Form.value (Form.add (Form.mk extra []) (Form.add (Num.form a true) (Num.form b false))) v)
    (Form.value (Form.add (Num.form b true) (Num.form a false)) v)
  rw [value_add (Form.mk extra []) (Form.add (Num.form a true) (Num.form b false)) v,
    value_add (Num.form a true) (Num.form b false) v, value_add (Num.form b true) (Num.form a false) v,
    form_sound a v true, form_sound b v false, form_sound b v true, form_sound a v false]
  exact h

theorem Nat.same_eq (a : Nat) : ∀ (b : Nat), Nat.beq a b = true → a = b :=
  fun _ h => Nat.eq_of_beq_eq_true h

theorem inequality_holds (op : Cmp) (a b : Num) (value : Bool) (w : Nat) (v : Nat → Diff)
    (h : Cmp.test op (Num.total a v) (Num.total b v) = Known.claimed (Known.mk op a b value w)) :
    Inequality.holds (Known.inequality (Known.mk op a b value w)) v := by
  cases op with
  | eq =>
    have same : Nat.add (Num.total a v).pos (Num.total b v).neg = Nat.add (Num.total b v).pos (Num.total a v).neg :=
      Nat.same_eq (Nat.add (Num.total a v).pos (Num.total b v).neg)
        (Nat.add (Num.total b v).pos (Num.total a v).neg) h
    cases value with
    | true => exact below_holds a b 0 v (zero_extra (atMost_of_eq same))
    | false => exact below_holds b a 0 v (zero_extra (atMost_of_eq same.symm))
  | lt =>
    cases value with
    | true =>
      exact below_holds a b 1 v (one_extra (ble_true (Nat.succ (Nat.add (Num.total a v).pos (Num.total b v).neg))
        (Nat.add (Num.total b v).pos (Num.total a v).neg) h))
    | false =>
      exact below_holds b a 0 v (zero_extra (atMost_pred
        (ble_false (Nat.succ (Nat.add (Num.total a v).pos (Num.total b v).neg))
          (Nat.add (Num.total b v).pos (Num.total a v).neg) h)))
  | le =>
    cases value with
    | true =>
      exact below_holds a b 0 v (zero_extra (ble_true (Nat.add (Num.total a v).pos (Num.total b v).neg)
        (Nat.add (Num.total b v).pos (Num.total a v).neg) h))
    | false =>
      exact below_holds b a 1 v (one_extra (ble_false (Nat.add (Num.total a v).pos (Num.total b v).neg)
        (Nat.add (Num.total b v).pos (Num.total a v).neg) h))

theorem coversOne_sound (c d x : Diff) (h : coversOne c d = true) : AtMost (product d x) (product c x) := by
  have both : (Nat.ble d.pos c.pos && Nat.ble d.neg c.neg) = true := h
  exact atMost_add (atMost_mul_right x.pos (ble_true d.pos c.pos (and_left both)))
    (atMost_mul_right x.neg (ble_true d.neg c.neg (and_right both)))

theorem covers_sound (b : List Diff) :
    ∀ (a : List Diff) (v : Nat → Diff), covers b a = true → AtMost (dot b v) (dot a v) := by
  induction b with
  | nil => exact fun a v _ => least_zero (dot a v)
  | cons d s ih =>
    intro a v h
    cases a with
    | nil =>
      have both : (coversOne (Diff.mk 0 0) d && covers s []) = true := h
      have small : AtMost (product d (v 0)) 0 := by
        have bound := coversOne_sound (Diff.mk 0 0) d (v 0) (and_left both)
        rw [product_zero (v 0)] at bound
        exact bound
      show AtMost (Nat.add (product d (v 0)) (dot s (fun i => v (Nat.succ i)))) (Nat.add 0 0)
      exact atMost_add small (ih [] (fun i => v (Nat.succ i)) (and_right both))
    | cons c t =>
      have both : (coversOne c d && covers s t) = true := h
      exact atMost_add (coversOne_sound c d (v 0) (and_left both)) (ih t (fun i => v (Nat.succ i)) (and_right both))

theorem impossible_sound (q : Inequality) (v : Nat → Diff) (h : impossible q = true) :
    Inequality.holds q v → False := by
  intro k
  have both : (Nat.ble (Nat.succ q.large.const) q.small.const && covers q.large.coefs q.small.coefs) = true := h
  have more : AtMost (Nat.add (Nat.succ q.large.const) (dot q.large.coefs v)) (Form.value q.small v) :=
    atMost_add (ble_true (Nat.succ q.large.const) q.small.const (and_left both))
      (covers_sound q.large.coefs q.small.coefs v (and_right both))
  rw [succ_add q.large.const (dot q.large.coefs v)] at more
  exact not_below_itself (Form.value q.large v) (atMost_trans more k)

end Bartizan
