-- The part of Lean's core that the theory stands on: the same names, types and equations, but that `Eq.mp` and `absurd`
-- are about propositions only.

inductive Nat : Type
| zero
| succ (n : Nat)

inductive Bool : Type
| false
| true

inductive Eq [u_1] {α : Sort u_1} (a : α) : α → Prop
| refl : Eq a a

inductive True : Prop
| intro

inductive False : Prop

inductive And (a : Prop) (b : Prop) : Prop
| intro (left : a) (right : b)

inductive Or (a : Prop) (b : Prop) : Prop
| inl (h : a)
| inr (h : b)

inductive Iff (a : Prop) (b : Prop) : Prop
| intro (mp : a → b) (mpr : b → a)

inductive Exists [u] {α : Sort u} (p : α → Prop) : Prop
| intro (w : α) (h : p w)

inductive Option [u] (α : Type u) : Type u
| none
| some (val : α)

inductive List [u] (α : Type u) : Type u
| nil
| cons (head : α) (tail : List α)

inductive List.Mem [u] {α : Type u} (a : α) : List α → Prop
| head (as : List α) : List.Mem a (a :: as)
| tail (b : α) {as : List α} (h : List.Mem a as) : List.Mem a (b :: as)

inductive Int : Type
| ofNat (n : Nat)
| negSucc (n : Nat)

def Not (a : Prop) : Prop := a → False

theorem rfl [u] {α : Sort u} {a : α} : a = a := Eq.refl

theorem And.left {a : Prop} {b : Prop} (self : a ∧ b) : a := match self with | intro l r => l
theorem And.right {a : Prop} {b : Prop} (self : a ∧ b) : b := match self with | intro l r => r
theorem Iff.mp {a : Prop} {b : Prop} (self : a ↔ b) : a → b := match self with | intro l r => l
theorem Iff.mpr {a : Prop} {b : Prop} (self : a ↔ b) : b → a := match self with | intro l r => r

theorem absurd {a : Prop} {b : Prop} (h : a) (no : ¬ a) : b := match no h with

theorem Eq.symm [u] {α : Sort u} {a : α} {b : α} (h : a = b) : b = a :=
  @Eq.rec α a (fun x _ => x = a) Eq.refl b h

theorem Eq.trans [u] {α : Sort u} {a : α} {b : α} {c : α} (h : a = b) (k : b = c) : a = c := rw [h]; k

theorem congrArg [u v] {α : Sort u} {β : Sort v} {a : α} {b : α} (f : α → β) (h : a = b) : f a = f b :=
  rw [h]; rfl

theorem Eq.mp {a : Prop} {b : Prop} (h : a = b) (x : a) : b := rw [← h]; x

theorem Or.elim {a : Prop} {b : Prop} {c : Prop} (h : a ∨ b) (l : a → c) (r : b → c) : c :=
  match h with | inl x => l x | inr x => r x

def Nat.add (n : Nat) (m : Nat) : Nat := match m with | zero => n | succ m ih => Nat.succ ih
def Nat.mul (n : Nat) (m : Nat) : Nat := match m with | zero => 0 | succ m ih => Nat.add ih n
def Nat.beq (n : Nat) : Nat → Bool := match n with
  | zero => fun m => (match m with | zero => Bool.true | succ m => Bool.false)
  | succ n ih => fun m => (match m with | zero => Bool.false | succ m => ih m)
def Nat.ble (n : Nat) : Nat → Bool := match n with
  | zero => fun m => Bool.true
  | succ n ih => fun m => (match m with | zero => Bool.false | succ m => ih m)

def cond [u] {α : Sort u} (c : Bool) (x : α) (y : α) : α := match c with | true => x | false => y
def and (x : Bool) (y : Bool) : Bool := match x with | true => y | false => Bool.false
def or (x : Bool) (y : Bool) : Bool := match x with | true => Bool.true | false => y
def not (x : Bool) : Bool := match x with | true => Bool.false | false => Bool.true

def List.any [u] {α : Type u} (l : List α) (p : α → Bool) : Bool :=
  match l with | nil => Bool.false | cons h t ih => p h || ih
def List.all [u] {α : Type u} (l : List α) (p : α → Bool) : Bool :=
  match l with | nil => Bool.true | cons h t ih => p h && ih
def List.filter [u] {α : Type u} (p : α → Bool) (l : List α) : List α :=
  match l with | nil => [] | cons h t ih => cond (p h) (h :: ih) ih
def List.append [u] {α : Type u} (l : List α) (m : List α) : List α := match l with | nil => m | cons h t ih => h :: ih
def List.take [u] {α : Type u} (n : Nat) : List α → List α := match n with
  | zero => fun l => []
  | succ n ih => fun l => (match l with | nil => [] | cons h t => h :: ih t)
def List.length [u] {α : Type u} (l : List α) : Nat := match l with | nil => 0 | cons h t ih => Nat.succ ih
