-- Naturals, and linear forms over them.

theorem zero_add (n : Nat) : Nat.add 0 n = n := match n with | zero => rfl | succ n ih => congrArg Nat.succ ih
theorem succ_add (n : Nat) (m : Nat) : Nat.add (Nat.succ n) m = Nat.succ (Nat.add n m) :=
  match m with | zero => rfl | succ m ih => congrArg Nat.succ ih
theorem add_comm (n : Nat) (m : Nat) : Nat.add n m = Nat.add m n :=
  match m with
  | zero => Eq.symm (zero_add n)
  | succ m ih => (show Nat.succ (Nat.add n m) = Nat.add (Nat.succ m) n; rw [succ_add m n, ih]; rfl)
theorem add_assoc (a : Nat) (b : Nat) (c : Nat) : Nat.add (Nat.add a b) c = Nat.add a (Nat.add b c) :=
  match c with | zero => rfl | succ c ih => congrArg Nat.succ ih
theorem add_swap (a : Nat) (b : Nat) (c : Nat) (d : Nat) :
    Nat.add (Nat.add a b) (Nat.add c d) = Nat.add (Nat.add a c) (Nat.add b d) :=
  rw [add_assoc a b (Nat.add c d), add_assoc a c (Nat.add b d), ← add_assoc b c d, ← add_assoc c b d, add_comm b c]; rfl
theorem zero_mul (n : Nat) : Nat.mul 0 n = 0 := match n with | zero => rfl | succ n ih => ih
theorem one_mul (n : Nat) : Nat.mul 1 n = n := match n with | zero => rfl | succ n ih => congrArg Nat.succ ih
theorem mul_add (a : Nat) (b : Nat) (c : Nat) : Nat.mul a (Nat.add b c) = Nat.add (Nat.mul a b) (Nat.mul a c) :=
  match c with
  | zero => rfl
  | succ c ih => (show Nat.add (Nat.mul a (Nat.add b c)) a = Nat.add (Nat.mul a b) (Nat.add (Nat.mul a c) a);
      rw [ih]; add_assoc (Nat.mul a b) (Nat.mul a c) a)
theorem add_mul (a : Nat) (b : Nat) (c : Nat) : Nat.mul (Nat.add a b) c = Nat.add (Nat.mul a c) (Nat.mul b c) :=
  match c with
  | zero => rfl
  | succ c ih => (show Nat.add (Nat.mul (Nat.add a b) c) (Nat.add a b)
        = Nat.add (Nat.add (Nat.mul a c) a) (Nat.add (Nat.mul b c) b);
      rw [ih]; add_swap (Nat.mul a c) (Nat.mul b c) a b)
theorem mul_assoc (a : Nat) (b : Nat) (c : Nat) : Nat.mul (Nat.mul a b) c = Nat.mul a (Nat.mul b c) :=
  match c with
  | zero => rfl
  | succ c ih => (show Nat.add (Nat.mul (Nat.mul a b) c) (Nat.mul a b) = Nat.mul a (Nat.add (Nat.mul b c) b);
      rw [ih, mul_add a (Nat.mul b c) b]; rfl)

def AtMost (a : Nat) (b : Nat) : Prop := ∃ k, Nat.add a k = b

theorem least_zero (n : Nat) : AtMost 0 n := Exists.intro n (zero_add n)
theorem atMost_refl (n : Nat) : AtMost n n := Exists.intro 0 rfl
theorem atMost_of_eq {a : Nat} {b : Nat} (h : a = b) : AtMost a b := Exists.intro 0 h
theorem atMost_to {a : Nat} {b : Nat} {c : Nat} (h : AtMost a b) (e : b = c) : AtMost a c := rw [← e]; h
theorem atMost_succ {a : Nat} {b : Nat} (h : AtMost a b) : AtMost (Nat.succ a) (Nat.succ b) :=
  match h with | intro k e => Exists.intro k (rw [succ_add a k, e]; rfl)
theorem atMost_up {a : Nat} {b : Nat} (h : AtMost a b) : AtMost a (Nat.succ b) :=
  match h with | intro k e => Exists.intro (Nat.succ k) (congrArg Nat.succ e)
theorem succ_inj {a : Nat} {b : Nat} (h : Nat.succ a = Nat.succ b) : a = b :=
  congrArg (fun (n : Nat) => match n with | zero => a | succ m => m) h
theorem atMost_pred {a : Nat} {b : Nat} (h : AtMost (Nat.succ a) (Nat.succ b)) : AtMost a b :=
  match h with | intro k e => Exists.intro k (succ_inj (Eq.trans (Eq.symm (succ_add a k)) e))
theorem atMost_trans {a : Nat} {b : Nat} {c : Nat} (h : AtMost a b) (k : AtMost b c) : AtMost a c :=
  match h with | intro i e => (match k with
    | intro j f => Exists.intro (Nat.add i j) (rw [← add_assoc a i j, e]; f))
theorem atMost_add {a : Nat} {b : Nat} {c : Nat} {d : Nat} (h : AtMost a b) (k : AtMost c d) :
    AtMost (Nat.add a c) (Nat.add b d) :=
  match h with | intro i e => (match k with
    | intro j f => Exists.intro (Nat.add i j) (rw [add_swap a c i j, e, f]; rfl))
theorem atMost_mul {a : Nat} {b : Nat} (w : Nat) (h : AtMost a b) : AtMost (Nat.mul w a) (Nat.mul w b) :=
  match h with | intro k e => Exists.intro (Nat.mul w k) (rw [← mul_add w a k, e]; rfl)
theorem atMost_mul_right {a : Nat} {b : Nat} (w : Nat) (h : AtMost a b) : AtMost (Nat.mul a w) (Nat.mul b w) :=
  match h with | intro k e => Exists.intro (Nat.mul k w) (rw [← add_mul a k w, e]; rfl)
theorem not_below_itself (n : Nat) : AtMost (Nat.succ n) n → False :=
  match n with
  | zero => fun h => (match h with | intro k e => (have bad : Nat.succ (Nat.add 0 k) = 0 := Eq.trans (Eq.symm (succ_add 0 k)) e; auto))
  | succ n ih => fun h => ih (atMost_pred h)

theorem ble_true (a : Nat) : ∀ (b : Nat), Nat.ble a b = Bool.true → AtMost a b :=
  match a with
  | zero => fun b h => least_zero b
  | succ a ih => fun b => (match b with | zero => fun h => auto | succ b => fun h => atMost_succ (ih b h))
theorem ble_false (a : Nat) : ∀ (b : Nat), Nat.ble a b = Bool.false → AtMost (Nat.succ b) a :=
  match a with
  | zero => fun b h => auto
  | succ a ih => fun b => (match b with | zero => fun h => atMost_succ (least_zero a) | succ b => fun h => atMost_succ (ih b h))

-- A linear form: a constant, and for each variable (a difference) what its two parts are multiplied by.

structure Form : Type := (const : Nat) (coefs : List Diff)

def product (c : Diff) (d : Diff) : Nat := Nat.add (Nat.mul c.pos d.pos) (Nat.mul c.neg d.neg)

def dot (coefs : List Diff) : (Nat → Diff) → Nat :=
  match coefs with
  | nil => fun v => 0
  | cons c t ih => fun v => Nat.add (product c (v 0)) (ih (fun i => v (Nat.succ i)))

def Form.value (f : Form) (v : Nat → Diff) : Nat := Nat.add f.const (dot f.coefs v)

def sums (a : List Diff) : List Diff → List Diff :=
  match a with
  | nil => fun b => b
  | cons c t ih => fun b => (match b with | nil => c :: t | cons d s => Diff.add c d :: ih s)

def multiplied (k : Nat) (a : List Diff) : List Diff :=
  match a with | nil => [] | cons c t ih => Diff.mk (Nat.mul k c.pos) (Nat.mul k c.neg) :: ih

def unit (d : Diff) (i : Nat) : List Diff := match i with | zero => [d] | succ i ih => Diff.mk 0 0 :: ih

def Form.add (f : Form) (g : Form) : Form := Form.mk (Nat.add f.const g.const) (sums f.coefs g.coefs)
def Form.scale (k : Nat) (f : Form) : Form := Form.mk (Nat.mul k f.const) (multiplied k f.coefs)

theorem product_add (c : Diff) (d : Diff) (x : Diff) : product (Diff.add c d) x = Nat.add (product c x) (product d x) :=
  show Nat.add (Nat.mul (Nat.add c.pos d.pos) x.pos) (Nat.mul (Nat.add c.neg d.neg) x.neg)
    = Nat.add (Nat.add (Nat.mul c.pos x.pos) (Nat.mul c.neg x.neg)) (Nat.add (Nat.mul d.pos x.pos) (Nat.mul d.neg x.neg));
  rw [add_mul c.pos d.pos x.pos, add_mul c.neg d.neg x.neg];
  add_swap (Nat.mul c.pos x.pos) (Nat.mul d.pos x.pos) (Nat.mul c.neg x.neg) (Nat.mul d.neg x.neg)

theorem product_mul (k : Nat) (c : Diff) (x : Diff) :
    product (Diff.mk (Nat.mul k c.pos) (Nat.mul k c.neg)) x = Nat.mul k (product c x) :=
  show Nat.add (Nat.mul (Nat.mul k c.pos) x.pos) (Nat.mul (Nat.mul k c.neg) x.neg)
    = Nat.mul k (Nat.add (Nat.mul c.pos x.pos) (Nat.mul c.neg x.neg));
  rw [mul_add k (Nat.mul c.pos x.pos) (Nat.mul c.neg x.neg), mul_assoc k c.pos x.pos, mul_assoc k c.neg x.neg]; rfl

theorem product_zero (x : Diff) : product (Diff.mk 0 0) x = 0 :=
  show Nat.add (Nat.mul 0 x.pos) (Nat.mul 0 x.neg) = 0; rw [zero_mul x.pos, zero_mul x.neg]; rfl

theorem dot_sums (a : List Diff) : ∀ (b : List Diff) (v : Nat → Diff), dot (sums a b) v = Nat.add (dot a v) (dot b v) :=
  match a with
  | nil => fun b v => Eq.symm (zero_add (dot b v))
  | cons c t ih => fun b v => (match b with
    | nil => rfl
    | cons d s => (show Nat.add (product (Diff.add c d) (v 0)) (dot (sums t s) (fun i => v (Nat.succ i)))
          = Nat.add (Nat.add (product c (v 0)) (dot t (fun i => v (Nat.succ i))))
              (Nat.add (product d (v 0)) (dot s (fun i => v (Nat.succ i))));
        rw [product_add c d (v 0), ih s (fun i => v (Nat.succ i))];
        add_swap (product c (v 0)) (product d (v 0)) (dot t (fun i => v (Nat.succ i))) (dot s (fun i => v (Nat.succ i)))))

theorem dot_multiplied (k : Nat) (a : List Diff) : ∀ (v : Nat → Diff), dot (multiplied k a) v = Nat.mul k (dot a v) :=
  match a with
  | nil => fun v => rfl
  | cons c t ih => fun v =>
    (show Nat.add (product (Diff.mk (Nat.mul k c.pos) (Nat.mul k c.neg)) (v 0)) (dot (multiplied k t) (fun i => v (Nat.succ i)))
        = Nat.mul k (Nat.add (product c (v 0)) (dot t (fun i => v (Nat.succ i))));
      rw [product_mul k c (v 0), ih (fun i => v (Nat.succ i)), mul_add k (product c (v 0)) (dot t (fun i => v (Nat.succ i)))];
      rfl)

theorem dot_unit (d : Diff) (i : Nat) : ∀ (v : Nat → Diff), dot (unit d i) v = product d (v i) :=
  match i with
  | zero => fun v => rfl
  | succ i ih => fun v =>
    (show Nat.add (product (Diff.mk 0 0) (v 0)) (dot (unit d i) (fun i => v (Nat.succ i))) = product d (v (Nat.succ i));
      rw [product_zero (v 0), ih (fun i => v (Nat.succ i))]; zero_add (product d (v (Nat.succ i))))

theorem value_add (f : Form) (g : Form) (v : Nat → Diff) :
    Form.value (Form.add f g) v = Nat.add (Form.value f v) (Form.value g v) :=
  show Nat.add (Nat.add f.const g.const) (dot (sums f.coefs g.coefs) v)
    = Nat.add (Nat.add f.const (dot f.coefs v)) (Nat.add g.const (dot g.coefs v));
  rw [dot_sums f.coefs g.coefs v]; add_swap f.const g.const (dot f.coefs v) (dot g.coefs v)

theorem value_scale (k : Nat) (f : Form) (v : Nat → Diff) : Form.value (Form.scale k f) v = Nat.mul k (Form.value f v) :=
  show Nat.add (Nat.mul k f.const) (dot (multiplied k f.coefs) v) = Nat.mul k (Nat.add f.const (dot f.coefs v));
  rw [dot_multiplied k f.coefs v, mul_add k f.const (dot f.coefs v)]; rfl

-- The two parts of a number under a valuation.

def pick (positive : Bool) (d : Diff) : Nat := cond positive d.pos d.neg

def Num.total (a : Num) (v : Nat → Diff) : Diff :=
  match a with
  | lit n => Diff.ofInt n
  | var i => v i
  | add a b l r => Diff.add l r
  | scale k a d => Diff.scale k d

def Num.form (a : Num) : Bool → Form :=
  match a with
  | lit n => fun s => Form.mk (pick s (Diff.ofInt n)) []
  | var i => fun s => Form.mk 0 (unit (cond s (Diff.mk 1 0) (Diff.mk 0 1)) i)
  | add a b f g => fun s => Form.add (f s) (g s)
  | scale k a f => (match k with
    | ofNat n => fun s => Form.scale n (f s)
    | negSucc n => fun s => Form.scale (Nat.succ n) (f (not s)))

theorem form_sound (a : Num) (v : Nat → Diff) : ∀ (s : Bool), Form.value (Num.form a s) v = pick s (Num.total a v) :=
  match a with
  | lit n => fun s => rfl
  | var i => fun s =>
    (show Nat.add 0 (dot (unit (cond s (Diff.mk 1 0) (Diff.mk 0 1)) i) v) = pick s (v i);
      rw [zero_add (dot (unit (cond s (Diff.mk 1 0) (Diff.mk 0 1)) i) v), dot_unit (cond s (Diff.mk 1 0) (Diff.mk 0 1)) i v];
      match s with
      | true => (show Nat.add (Nat.mul 1 (v i).pos) (Nat.mul 0 (v i).neg) = (v i).pos;
          rw [one_mul (v i).pos, zero_mul (v i).neg]; rfl)
      | false => (show Nat.add (Nat.mul 0 (v i).pos) (Nat.mul 1 (v i).neg) = (v i).neg;
          rw [one_mul (v i).neg, zero_mul (v i).pos]; zero_add (v i).neg))
  | add a b f g => fun s =>
    (show Form.value (Form.add (Num.form a s) (Num.form b s)) v = pick s (Diff.add (Num.total a v) (Num.total b v));
      rw [value_add (Num.form a s) (Num.form b s) v, f s, g s];
      match s with | true => rfl | false => rfl)
  | scale k a f => fun s => (match k with
    | ofNat n => (show Form.value (Form.scale n (Num.form a s)) v = pick s (Diff.scale (Int.ofNat n) (Num.total a v));
        rw [value_scale n (Num.form a s) v, f s]; match s with | true => rfl | false => rfl)
    | negSucc n => (show Form.value (Form.scale (Nat.succ n) (Num.form a (not s))) v
          = pick s (Diff.scale (Int.negSucc n) (Num.total a v));
        rw [value_scale (Nat.succ n) (Num.form a (not s)) v, f (not s)]; match s with | true => rfl | false => rfl))

def valuation (env : Env) (i : Nat) : Diff := match env.nums i with | none => Diff.mk 0 0 | some n => Diff.ofInt n

theorem lift1_some {α : Type} {β : Type} (f : α → β) (a : Option α) (y : β) (h : lift1 f a = Option.some y) :
    ∃ x, a = Option.some x ∧ f x = y :=
  match a with
  | none => auto
  | some x => Exists.intro x (And.intro rfl (some_inj h))

theorem lift2_some {α : Type} {β : Type} {γ : Type} (f : α → β → γ) (a : Option α) (b : Option β) (z : γ)
    (h : lift2 f a b = Option.some z) : ∃ x, a = Option.some x ∧ ∃ y, b = Option.some y ∧ f x y = z :=
  match a with
  | none => auto
  | some x => Exists.intro x (And.intro rfl (lift1_some (f x) b z h))

theorem total_eval (a : Num) (env : Env) : ∀ (d : Diff), Num.eval a env = Option.some d → Num.total a (valuation env) = d :=
  match a with
  | lit n => fun d h => some_inj h
  | var i => fun d =>
    (show lift1 Diff.ofInt (env.nums i) = Option.some d →
        (match env.nums i with | none => Diff.mk 0 0 | some n => Diff.ofInt n) = d;
      match env.nums i with | none => fun h => auto | some n => fun h => some_inj h)
  | add a b f g => fun d h => (match lift2_some Diff.add (Num.eval a env) (Num.eval b env) d h with
    | intro x p => (match p.right with
      | intro y q => (show Diff.add (Num.total a (valuation env)) (Num.total b (valuation env)) = d;
          rw [f x p.left, g y q.left]; q.right)))
  | scale k a f => fun d h => (match lift1_some (Diff.scale k) (Num.eval a env) d h with
    | intro x p => (show Diff.scale k (Num.total a (valuation env)) = d; rw [f x p.left]; p.right))

-- Sums of inequalities.

structure Inequality : Type := (small : Form) (large : Form)

def Inequality.holds (q : Inequality) (v : Nat → Diff) : Prop := AtMost (Form.value q.small v) (Form.value q.large v)

-- a is at least extra below b
def below (a : Num) (b : Num) (extra : Nat) : Inequality :=
  Inequality.mk (Form.add (Form.mk extra []) (Form.add (Num.form a Bool.true) (Num.form b Bool.false)))
    (Form.add (Num.form b Bool.true) (Num.form a Bool.false))

theorem below_holds (a : Num) (b : Num) (extra : Nat) (v : Nat → Diff)
    (h : AtMost (Nat.add extra (Nat.add (Num.total a v).pos (Num.total b v).neg))
      (Nat.add (Num.total b v).pos (Num.total a v).neg)) : Inequality.holds (below a b extra) v :=
  show AtMost (Form.value (Form.add (Form.mk extra []) (Form.add (Num.form a Bool.true) (Num.form b Bool.false))) v)
    (Form.value (Form.add (Num.form b Bool.true) (Num.form a Bool.false)) v);
  rw [value_add (Form.mk extra []) (Form.add (Num.form a Bool.true) (Num.form b Bool.false)) v,
    value_add (Num.form a Bool.true) (Num.form b Bool.false) v, value_add (Num.form b Bool.true) (Num.form a Bool.false) v,
    form_sound a v Bool.true, form_sound b v Bool.false, form_sound b v Bool.true, form_sound a v Bool.false]; h

-- Of an equation the value says which of the two inequalities is meant.
def Known.inequality (k : Known) : Inequality :=
  match k with
  | mk op a b value w => (match op with
    | eq => cond value (below a b 0) (below b a 0)
    | lt => cond value (below a b 1) (below b a 0)
    | le => cond value (below a b 0) (below b a 1))
def Known.claimed (k : Known) : Bool :=
  match k with | mk op a b value w => (match op with | eq => Bool.true | lt => value | le => value)
def Known.weight (k : Known) : Nat := match k with | mk op a b value w => w
def Known.expr (k : Known) : Expr := match k with | mk op a b value w => Expr.cmp op a b

theorem zero_extra {a : Nat} {b : Nat} (h : AtMost a b) : AtMost (Nat.add 0 a) b := rw [zero_add a]; h
theorem one_extra {a : Nat} {b : Nat} (h : AtMost (Nat.succ a) b) : AtMost (Nat.add 1 a) b :=
  show AtMost (Nat.add (Nat.succ 0) a) b; rw [succ_add 0 a, zero_add a]; h

theorem inequality_holds (op : Cmp) (a : Num) (b : Num) (value : Bool) (w : Nat) (v : Nat → Diff)
    (h : Cmp.test op (Num.total a v) (Num.total b v) = Known.claimed (Known.mk op a b value w)) :
    Inequality.holds (Known.inequality (Known.mk op a b value w)) v :=
  match op with
  | eq =>
    (have same : Nat.add (Num.total a v).pos (Num.total b v).neg = Nat.add (Num.total b v).pos (Num.total a v).neg :=
        Nat.same_eq (Nat.add (Num.total a v).pos (Num.total b v).neg) (Nat.add (Num.total b v).pos (Num.total a v).neg) h;
      match value with
      | true => below_holds a b 0 v (zero_extra (atMost_of_eq same))
      | false => below_holds b a 0 v (zero_extra (atMost_of_eq (Eq.symm same))))
  | lt => (match value with
    | true => below_holds a b 1 v (one_extra (ble_true _ _ h))
    | false => below_holds b a 0 v (zero_extra (atMost_pred (ble_false _ _ h))))
  | le => (match value with
    | true => below_holds a b 0 v (zero_extra (ble_true _ _ h))
    | false => below_holds b a 1 v (one_extra (ble_false _ _ h)))

theorem known_holds (facts : List Fact) (env : Env) (k : Known) (h : hold env facts = Bool.true)
    (e : entails (may facts k.expr) (Option.some k.claimed) = Bool.true) :
    Inequality.holds k.inequality (valuation env) :=
  match k with
  | mk op a b value w =>
    (have is : Expr.eval (Expr.cmp op a b) env = Option.some (Known.claimed (Known.mk op a b value w)) :=
        entails_sound (may facts (Expr.cmp op a b)) (Expr.eval (Expr.cmp op a b) env)
          (Option.some (Known.claimed (Known.mk op a b value w))) (may_sound facts env (Expr.cmp op a b) h) e;
      match lift2_some (Cmp.test op) (Num.eval a env) (Num.eval b env) (Known.claimed (Known.mk op a b value w)) is with
      | intro x p => (match p.right with
        | intro y q => inequality_holds op a b value w (valuation env)
            (rw [total_eval a env x p.left, total_eval b env y q.left]; q.right)))

def combined (sum : List Known) : Inequality :=
  match sum with
  | nil => Inequality.mk (Form.mk 0 []) (Form.mk 0 [])
  | cons k t ih => Inequality.mk (Form.add (Form.scale k.weight k.inequality.small) ih.small)
      (Form.add (Form.scale k.weight k.inequality.large) ih.large)

def allKnown (facts : List Fact) (sum : List Known) : Bool :=
  List.all sum (fun k => entails (may facts k.expr) (Option.some k.claimed))

theorem combined_holds (facts : List Fact) (env : Env) (h : hold env facts = Bool.true) (sum : List Known)
    (k : allKnown facts sum = Bool.true) : Inequality.holds (combined sum) (valuation env) :=
  match sum with
  | nil => atMost_refl _
  | cons a t ih =>
    (show AtMost (Form.value (Form.add (Form.scale a.weight a.inequality.small) (combined t).small) (valuation env))
        (Form.value (Form.add (Form.scale a.weight a.inequality.large) (combined t).large) (valuation env));
      rw [value_add (Form.scale a.weight a.inequality.small) (combined t).small (valuation env),
        value_add (Form.scale a.weight a.inequality.large) (combined t).large (valuation env),
        value_scale a.weight a.inequality.small (valuation env), value_scale a.weight a.inequality.large (valuation env)];
      atMost_add (atMost_mul a.weight (known_holds facts env a h (and_left k))) (ih (and_right k)))

def coversOne (c : Diff) (d : Diff) : Bool := Nat.ble d.pos c.pos && Nat.ble d.neg c.neg

def covers (b : List Diff) : List Diff → Bool :=
  match b with
  | nil => fun a => Bool.true
  | cons d s ih => fun a => (match a with
    | nil => coversOne (Diff.mk 0 0) d && ih []
    | cons c t => coversOne c d && ih t)

theorem coversOne_sound (c : Diff) (d : Diff) (x : Diff) (h : coversOne c d = Bool.true) : AtMost (product d x) (product c x) :=
  atMost_add (atMost_mul_right x.pos (ble_true d.pos c.pos (and_left h)))
    (atMost_mul_right x.neg (ble_true d.neg c.neg (and_right h)))

theorem covers_sound (b : List Diff) : ∀ (a : List Diff) (v : Nat → Diff), covers b a = Bool.true → AtMost (dot b v) (dot a v) :=
  match b with
  | nil => fun a v h => least_zero (dot a v)
  | cons d s ih => fun a v => (match a with
    | nil => fun h => (have zero : AtMost (product d (v 0)) 0 :=
          atMost_to (coversOne_sound (Diff.mk 0 0) d (v 0) (and_left h)) (product_zero (v 0));
        atMost_add zero (ih [] (fun i => v (Nat.succ i)) (and_right h)))
    | cons c t => fun h => atMost_add (coversOne_sound c d (v 0) (and_left h)) (ih t (fun i => v (Nat.succ i)) (and_right h)))

def impossible (q : Inequality) : Bool :=
  Nat.ble (Nat.succ q.large.const) q.small.const && covers q.large.coefs q.small.coefs

theorem impossible_sound (q : Inequality) (v : Nat → Diff) (h : impossible q = Bool.true) : Inequality.holds q v → False :=
  fun k =>
    have more : AtMost (Nat.add (Nat.succ q.large.const) (dot q.large.coefs v)) (Form.value q.small v) :=
      atMost_add (ble_true (Nat.succ q.large.const) q.small.const (and_left h)) (covers_sound q.large.coefs q.small.coefs v (and_right h));
    not_below_itself (Form.value q.large v)
      (atMost_trans
        (show AtMost (Nat.succ (Nat.add q.large.const (dot q.large.coefs v))) (Form.value q.small v);
          rw [← succ_add q.large.const (dot q.large.coefs v)]; more) k)

def linearClash (facts : List Fact) (sum : List Known) : Bool := allKnown facts sum && impossible (combined sum)

theorem linear_sound (facts : List Fact) (env : Env) (sum : List Known) (h : hold env facts = Bool.true)
    (k : linearClash facts sum = Bool.true) : False :=
  impossible_sound (combined sum) (valuation env) (and_right k) (combined_holds facts env h sum (and_left k))
