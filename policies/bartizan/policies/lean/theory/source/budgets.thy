-- Limits: what is let go in any window adds up to no more than so much.

-- Of every call that is let go, the condition is true: it is neither false nor unknown.
def Always (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (cond : Expr) : Prop :=
  ∀ (env : Env), Respects hyps env → env.atoms allowed = Option.some (Outcome.isAllow (decide p tool env)) →
    ¬ decide p tool env = Outcome.deny → Expr.eval cond env = Option.some Bool.true

-- A condition that is always true is one whose not being true excludes every call.
def onlyTrue (cond : Expr) : Clause := [Lit.mk cond (Option.some Bool.true)]

theorem or3_true (a : Option Bool) : or3 a (Option.some Bool.true) = Option.some Bool.true := auto [a]

theorem respects_more (hyps : List Clause) (cond : Expr) (env : Env) (r : Respects hyps env)
    (h : same3 (Expr.eval cond env) (Option.some Bool.true) = Bool.false) : Respects (onlyTrue cond :: hyps) env :=
  fun c inside => Or.elim (mem_cons inside)
    (fun same => (rw [same]; show and (same3 (Expr.eval cond env) (Option.some Bool.true)) Bool.true = Bool.false; rw [h]; rfl))
    (fun later => r c later)

theorem always_sound (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (cond : Expr) (t : Tree) :
    check p (onlyTrue cond :: hyps) tool allowed Bool.false (Expr.or cond (Expr.lit Bool.true)) t = Bool.true →
    Always p hyps tool allowed cond :=
  fun yes env r k goes => Or.elim (bool_cases (same3 (Expr.eval cond env) (Option.some Bool.true)))
    (fun h => same3_eq (Expr.eval cond env) (Option.some Bool.true) h)
    (fun h => absurd (or3_true (Expr.eval cond env))
      (check_sound p (onlyTrue cond :: hyps) tool allowed Bool.false (Expr.or cond (Expr.lit Bool.true)) t yes env
        (respects_more hyps cond env r h) k (Or.inr goes)))

-- Order of differences.

theorem atMost_cancel (a : Nat) (b : Nat) (c : Nat) : AtMost (Nat.add a c) (Nat.add b c) → AtMost a b :=
  match c with | zero => fun h => h | succ c ih => fun h => ih (atMost_pred h)

theorem diff_le (a : Diff) (b : Diff) (h : Diff.le a b = Bool.true) : AtMost (Nat.add a.pos b.neg) (Nat.add b.pos a.neg) :=
  ble_true (Nat.add a.pos b.neg) (Nat.add b.pos a.neg) h
theorem le_diff (a : Diff) (b : Diff) (h : AtMost (Nat.add a.pos b.neg) (Nat.add b.pos a.neg)) : Diff.le a b = Bool.true :=
  ble_of (Nat.add a.pos b.neg) (Nat.add b.pos a.neg) h

theorem diff_refl (a : Diff) : Diff.le a a = Bool.true := le_diff a a (atMost_refl (Nat.add a.pos a.neg))

theorem diff_trans (a : Diff) (b : Diff) (c : Diff) (h : Diff.le a b = Bool.true) (k : Diff.le b c = Bool.true) :
    Diff.le a c = Bool.true :=
  have sum : AtMost (Nat.add (Nat.add a.pos b.neg) (Nat.add c.neg b.pos)) (Nat.add (Nat.add b.pos a.neg) (Nat.add b.neg c.pos)) :=
    (rw [add_comm c.neg b.pos, add_comm b.neg c.pos]; atMost_add (diff_le a b h) (diff_le b c k));
  le_diff a c (atMost_cancel (Nat.add a.pos c.neg) (Nat.add c.pos a.neg) (Nat.add b.neg b.pos)
    (rw [add_swap a.pos c.neg b.neg b.pos, add_comm c.pos a.neg, add_comm b.neg b.pos, add_swap a.neg c.pos b.pos b.neg,
        add_comm a.neg b.pos, add_comm c.pos b.neg]; sum))

theorem diff_add (a : Diff) (b : Diff) (c : Diff) (d : Diff) (h : Diff.le a b = Bool.true) (k : Diff.le c d = Bool.true) :
    Diff.le (Diff.add a c) (Diff.add b d) = Bool.true :=
  le_diff (Diff.add a c) (Diff.add b d)
    (show AtMost (Nat.add (Nat.add a.pos c.pos) (Nat.add b.neg d.neg)) (Nat.add (Nat.add b.pos d.pos) (Nat.add a.neg c.neg));
      rw [add_swap a.pos c.pos b.neg d.neg, add_swap b.pos d.pos a.neg c.neg]; atMost_add (diff_le a b h) (diff_le c d k))

theorem diff_zero (a : Diff) : Diff.add a (Diff.mk 0 0) = a := match a with | mk p n => rfl

theorem le_of_eq {a : Diff} {b : Diff} {c : Diff} (e : a = b) (h : Diff.le b c = Bool.true) : Diff.le a c = Bool.true :=
  rw [e]; h

theorem diff_more (a : Diff) (b : Diff) (h : Diff.le (Diff.mk 0 0) b = Bool.true) : Diff.le a (Diff.add a b) = Bool.true :=
  have sum : Diff.le (Diff.add a (Diff.mk 0 0)) (Diff.add a b) = Bool.true := diff_add a a (Diff.mk 0 0) b (diff_refl a) h;
  le_of_eq (Eq.symm (diff_zero a)) sum

-- A session, as far as one tool is concerned: its calls that were let go, the newest first.
structure Step : Type := (time : Nat) (env : Env)

def spentAt (amount : Num) (s : Step) : Diff := Num.total amount (valuation s.env)

-- What the calls in the window add up to.
def spent (amount : Num) (within : Option Nat) (now : Nat) (past : List Step) : Diff :=
  match past with
  | nil => Diff.mk 0 0
  | cons s t before => cond (fresh within now s.time) (Diff.add before (spentAt amount s)) before

-- What the policy reads of the past is no less than what was spent, unless with this call it is more than `most` anyhow.
def Told (amount : Num) (within : Option Nat) (total : Nat) (most : Int) (s : Step) (before : List Step) : Prop :=
  ∀ (n : Int), s.env.nums total = Option.some n →
    Diff.le (spent amount within s.time before) (Diff.ofInt n) = Bool.true ∨
    Diff.le (Diff.add (Diff.ofInt n) (spentAt amount s)) (Diff.ofInt most) = Bool.false

def LetGo (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (amount : Num) (within : Option Nat) (total : Nat)
    (most : Int) (past : List Step) : Prop :=
  match past with
  | nil => True
  | cons s t before => before ∧ (Respects hyps s.env ∧
      (s.env.atoms allowed = Option.some (Outcome.isAllow (decide p tool s.env)) ∧
      (¬ decide p tool s.env = Outcome.deny ∧ Told amount within total most s t)))

-- In every session, what was let go in a window that ends at any time is at most `most`.
def Within (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (amount : Num) (within : Option Nat) (total : Nat)
    (most : Int) : Prop :=
  ∀ (past : List Step) (now : Nat), Ordered Step.time past now →
    LetGo p hyps tool allowed amount within total most past →
    Diff.le (spent amount within now past) (Diff.ofInt most) = Bool.true

-- The two conditions that must be true of what is let go.
def positive (amount : Num) : Expr := Expr.cmp Cmp.le (Num.lit (Int.ofNat 0)) amount
def bounded (amount : Num) (total : Nat) (most : Int) : Expr :=
  Expr.cmp Cmp.le (Num.add (Num.var total) amount) (Num.lit most)

theorem positive_sound (amount : Num) (s : Step) (h : Expr.eval (positive amount) s.env = Option.some Bool.true) :
    Diff.le (Diff.mk 0 0) (spentAt amount s) = Bool.true :=
  match lift2_some (Cmp.test Cmp.le) (Num.eval (Num.lit (Int.ofNat 0)) s.env) (Num.eval amount s.env) Bool.true h with
  | intro x p => (match p.right with
    | intro y q => (show Diff.le (Diff.mk 0 0) (Num.total amount (valuation s.env)) = Bool.true;
        rw [total_eval amount s.env y q.left];
        have zero : Diff.mk 0 0 = x := some_inj p.left;
        rw [zero]; q.right))

theorem bounded_sound (amount : Num) (total : Nat) (most : Int) (s : Step)
    (h : Expr.eval (bounded amount total most) s.env = Option.some Bool.true) :
    ∃ n, s.env.nums total = Option.some n ∧
      Diff.le (Diff.add (Diff.ofInt n) (spentAt amount s)) (Diff.ofInt most) = Bool.true :=
  match lift2_some (Cmp.test Cmp.le) (Num.eval (Num.add (Num.var total) amount) s.env) (Num.eval (Num.lit most) s.env)
      Bool.true h with
  | intro x p => (match p.right with
    | intro y q => (match lift2_some Diff.add (Num.eval (Num.var total) s.env) (Num.eval amount s.env) x p.left with
      | intro a r => (match r.right with
        | intro b u => (match lift1_some Diff.ofInt (s.env.nums total) a r.left with
          | intro n v => Exists.intro n (And.intro v.left
              (show Diff.le (Diff.add (Diff.ofInt n) (Num.total amount (valuation s.env))) (Diff.ofInt most) = Bool.true;
                rw [v.right, total_eval amount s.env b u.left, u.right];
                have same : Diff.ofInt most = y := some_inj q.left;
                rw [same]; q.right))))))

theorem fresh_earlier (within : Option Nat) (a : Nat) (b : Nat) (time : Nat) (h : Nat.ble a b = Bool.true) :
    fresh within b time = Bool.true → fresh within a time = Bool.true :=
  match within with | none => fun k => rfl | some w => fun k => ble_trans a b (Nat.add time w) h k

-- A window that ends later has less of what was before.
theorem spent_less (amount : Num) (within : Option Nat) (a : Nat) (b : Nat) (h : Nat.ble a b = Bool.true) (past : List Step)
    (k : ∀ s, List.Mem s past → Diff.le (Diff.mk 0 0) (spentAt amount s) = Bool.true) :
    Diff.le (spent amount within b past) (spent amount within a past) = Bool.true :=
  match past with
  | nil => diff_refl (Diff.mk 0 0)
  | cons s t ih =>
    (have rest : Diff.le (spent amount within b t) (spent amount within a t) = Bool.true :=
        ih (fun x inside => k x (List.Mem.tail s inside));
      have here : Diff.le (Diff.mk 0 0) (spentAt amount s) = Bool.true := k s (List.Mem.head t);
      show Diff.le (cond (fresh within b s.time) (Diff.add (spent amount within b t) (spentAt amount s)) (spent amount within b t))
        (cond (fresh within a s.time) (Diff.add (spent amount within a t) (spentAt amount s)) (spent amount within a t))
          = Bool.true;
      match e : fresh within b s.time with
      | true => (rw [fresh_earlier within a b s.time h e];
          diff_add (spent amount within b t) (spent amount within a t) (spentAt amount s) (spentAt amount s) rest
            (diff_refl (spentAt amount s)))
      | false => (match fresh within a s.time with
        | true => diff_trans (spent amount within b t) (spent amount within a t)
            (Diff.add (spent amount within a t) (spentAt amount s)) rest (diff_more (spent amount within a t) (spentAt amount s) here)
        | false => rest))

theorem letGo_positive (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (amount : Num) (within : Option Nat)
    (total : Nat) (most : Int) (always : Always p hyps tool allowed (positive amount)) (past : List Step) :
    LetGo p hyps tool allowed amount within total most past → ∀ s, List.Mem s past →
      Diff.le (Diff.mk 0 0) (spentAt amount s) = Bool.true :=
  match past with
  | nil => fun h s inside => (match not_mem_nil inside with)
  | cons c t ih => fun h s inside => Or.elim (mem_cons inside)
    (fun same => (rw [same]; positive_sound amount c (always c.env h.right.left h.right.right.left h.right.right.right.left)))
    (fun later => ih h.left s later)

theorem within_from (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (amount : Num) (within : Option Nat)
    (total : Nat) (most : Int) (zero : Diff.le (Diff.mk 0 0) (Diff.ofInt most) = Bool.true)
    (a : Always p hyps tool allowed (positive amount)) (b : Always p hyps tool allowed (bounded amount total most))
    (past : List Step) : ∀ (now : Nat), Ordered Step.time past now →
    LetGo p hyps tool allowed amount within total most past →
    Diff.le (spent amount within now past) (Diff.ofInt most) = Bool.true :=
  match past with
  | nil => fun now o h => zero
  | cons c t ih => fun now o h =>
    (have positive_before : ∀ s, List.Mem s t → Diff.le (Diff.mk 0 0) (spentAt amount s) = Bool.true :=
        letGo_positive p hyps tool allowed amount within total most a t h.left;
      show Diff.le (cond (fresh within now c.time) (Diff.add (spent amount within now t) (spentAt amount c))
          (spent amount within now t)) (Diff.ofInt most) = Bool.true;
      match fresh within now c.time with
      | false => ih now (ordered_later Step.time t c.time now o.left o.right) h.left
      | true => (match bounded_sound amount total most c (b c.env h.right.left h.right.right.left h.right.right.right.left) with
        | intro n both => Or.elim (h.right.right.right.right n both.left)
            (fun told => diff_trans (Diff.add (spent amount within now t) (spentAt amount c))
              (Diff.add (Diff.ofInt n) (spentAt amount c)) (Diff.ofInt most)
              (diff_add (spent amount within now t) (Diff.ofInt n) (spentAt amount c) (spentAt amount c)
                (diff_trans (spent amount within now t) (spent amount within c.time t) (Diff.ofInt n)
                  (spent_less amount within c.time now o.left t positive_before) told)
                (diff_refl (spentAt amount c)))
              both.right)
            (fun beyond => (match not_true both.right beyond with))))

theorem always_within_sound (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (amount : Num) (within : Option Nat)
    (total : Nat) (most : Int) (t : Tree) (u : Tree) : Diff.le (Diff.mk 0 0) (Diff.ofInt most) = Bool.true →
    check p (onlyTrue (positive amount) :: hyps) tool allowed Bool.false (Expr.or (positive amount) (Expr.lit Bool.true)) t
      = Bool.true →
    check p (onlyTrue (bounded amount total most) :: hyps) tool allowed Bool.false
      (Expr.or (bounded amount total most) (Expr.lit Bool.true)) u = Bool.true →
    Within p hyps tool allowed amount within total most :=
  fun zero a b past now => within_from p hyps tool allowed amount within total most zero
    (always_sound p hyps tool allowed (positive amount) t a)
    (always_sound p hyps tool allowed (bounded amount total most) u b) past now

-- The same where the policy only reads whether there was a call in the window: then nothing else was spent in it.

def Quiet (within : Option Nat) (s : Step) (before : List Step) : Prop :=
  ∀ (x : Step), List.Mem x before → fresh within s.time x.time = Bool.false

def LetGoOnce (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (within : Option Nat) (once : Nat)
    (past : List Step) : Prop :=
  match past with
  | nil => True
  | cons s t before => before ∧ (Respects hyps s.env ∧
      (s.env.atoms allowed = Option.some (Outcome.isAllow (decide p tool s.env)) ∧
      (¬ decide p tool s.env = Outcome.deny ∧ (s.env.atoms once = Option.some Bool.false → Quiet within s t))))

def WithinOnce (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (amount : Num) (within : Option Nat)
    (once : Nat) (most : Int) : Prop :=
  ∀ (past : List Step) (now : Nat), Ordered Step.time past now → LetGoOnce p hyps tool allowed within once past →
    Diff.le (spent amount within now past) (Diff.ofInt most) = Bool.true

def small (amount : Num) (most : Int) : Expr := Expr.cmp Cmp.le amount (Num.lit most)
def firstIn (once : Nat) : Expr := Expr.not (Expr.atom once)

theorem small_sound (amount : Num) (most : Int) (s : Step)
    (h : Expr.eval (small amount most) s.env = Option.some Bool.true) :
    Diff.le (spentAt amount s) (Diff.ofInt most) = Bool.true :=
  match lift2_some (Cmp.test Cmp.le) (Num.eval amount s.env) (Num.eval (Num.lit most) s.env) Bool.true h with
  | intro x p => (match p.right with
    | intro y q => (show Diff.le (Num.total amount (valuation s.env)) (Diff.ofInt most) = Bool.true;
        rw [total_eval amount s.env x p.left];
        have same : Diff.ofInt most = y := some_inj q.left;
        rw [same]; q.right))

theorem not3_true (a : Option Bool) (h : not3 a = Option.some Bool.true) : a = Option.some Bool.false :=
  rw [← not3_not3 a, h]; rfl

theorem quiet_spent (amount : Num) (within : Option Nat) (now : Nat) (past : List Step)
    (h : ∀ (x : Step), List.Mem x past → fresh within now x.time = Bool.false) : spent amount within now past = Diff.mk 0 0 :=
  match past with
  | nil => rfl
  | cons s t ih =>
    (show cond (fresh within now s.time) (Diff.add (spent amount within now t) (spentAt amount s)) (spent amount within now t)
        = Diff.mk 0 0;
      rw [h s (List.Mem.head t)]; ih (fun x inside => h x (List.Mem.tail s inside)))

theorem zero_diff (a : Diff) : Diff.add (Diff.mk 0 0) a = a :=
  match a with
  | mk p n => (show Diff.mk (Nat.add 0 p) (Nat.add 0 n) = Diff.mk p n; rw [zero_add p, zero_add n]; rfl)

theorem letGoOnce_positive (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (amount : Num)
    (within : Option Nat) (once : Nat) (always : Always p hyps tool allowed (positive amount)) (past : List Step) :
    LetGoOnce p hyps tool allowed within once past → ∀ s, List.Mem s past →
      Diff.le (Diff.mk 0 0) (spentAt amount s) = Bool.true :=
  match past with
  | nil => fun h s inside => (match not_mem_nil inside with)
  | cons c t ih => fun h s inside => Or.elim (mem_cons inside)
    (fun same => (rw [same]; positive_sound amount c (always c.env h.right.left h.right.right.left h.right.right.right.left)))
    (fun later => ih h.left s later)

theorem withinOnce_from (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (amount : Num)
    (within : Option Nat) (once : Nat) (most : Int) (zero : Diff.le (Diff.mk 0 0) (Diff.ofInt most) = Bool.true)
    (a : Always p hyps tool allowed (positive amount)) (b : Always p hyps tool allowed (small amount most))
    (f : Always p hyps tool allowed (firstIn once)) (past : List Step) : ∀ (now : Nat), Ordered Step.time past now →
    LetGoOnce p hyps tool allowed within once past →
    Diff.le (spent amount within now past) (Diff.ofInt most) = Bool.true :=
  match past with
  | nil => fun now o h => zero
  | cons c t ih => fun now o h =>
    (have positive_before : ∀ s, List.Mem s t → Diff.le (Diff.mk 0 0) (spentAt amount s) = Bool.true :=
        letGoOnce_positive p hyps tool allowed amount within once a t h.left;
      have here : Diff.le (spentAt amount c) (Diff.ofInt most) = Bool.true :=
        small_sound amount most c (b c.env h.right.left h.right.right.left h.right.right.right.left);
      have first : c.env.atoms once = Option.some Bool.false :=
        not3_true (c.env.atoms once) (f c.env h.right.left h.right.right.left h.right.right.right.left);
      have nothing : spent amount within c.time t = Diff.mk 0 0 :=
        quiet_spent amount within c.time t (h.right.right.right.right first);
      show Diff.le (cond (fresh within now c.time) (Diff.add (spent amount within now t) (spentAt amount c))
          (spent amount within now t)) (Diff.ofInt most) = Bool.true;
      match fresh within now c.time with
      | false => ih now (ordered_later Step.time t c.time now o.left o.right) h.left
      | true => diff_trans (Diff.add (spent amount within now t) (spentAt amount c))
          (Diff.add (Diff.mk 0 0) (spentAt amount c)) (Diff.ofInt most)
          (diff_add (spent amount within now t) (Diff.mk 0 0) (spentAt amount c) (spentAt amount c)
            (rw [← nothing]; spent_less amount within c.time now o.left t positive_before)
            (diff_refl (spentAt amount c)))
          (rw [zero_diff (spentAt amount c)]; here))

theorem always_within_once_sound (p : Policy) (hyps : List Clause) (tool : Text) (allowed : Nat) (amount : Num)
    (within : Option Nat) (once : Nat) (most : Int) (t : Tree) (u : Tree) (v : Tree) :
    Diff.le (Diff.mk 0 0) (Diff.ofInt most) = Bool.true →
    check p (onlyTrue (positive amount) :: hyps) tool allowed Bool.false (Expr.or (positive amount) (Expr.lit Bool.true)) t
      = Bool.true →
    check p (onlyTrue (small amount most) :: hyps) tool allowed Bool.false
      (Expr.or (small amount most) (Expr.lit Bool.true)) u = Bool.true →
    check p (onlyTrue (firstIn once) :: hyps) tool allowed Bool.false
      (Expr.or (firstIn once) (Expr.lit Bool.true)) v = Bool.true →
    WithinOnce p hyps tool allowed amount within once most :=
  fun zero a b f past now => withinOnce_from p hyps tool allowed amount within once most zero
    (always_sound p hyps tool allowed (positive amount) t a)
    (always_sound p hyps tool allowed (small amount most) u b)
    (always_sound p hyps tool allowed (firstIn once) v f) past now
