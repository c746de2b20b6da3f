import Spec.Expr

/-!
# The value of a condition

What the reference interpreter computes: strong Kleene logic, and every other operator is strict in E.
-/

namespace Bartizan

/-- A function of a value that may be missing. -/
def lift1 {α β : Type} (f : α → β) : Option α → Option β
  | none => none
  | some x => some (f x)

/-- A function of two values that may be missing. -/
def lift2 {α β γ : Type} (f : α → β → γ) : Option α → Option β → Option γ
  | none, _ => none
  | some x, b => lift1 (f x) b

/-- The value of a number: none where a variable has none. -/
def Num.eval : Num → Env → Option Diff
  | Num.lit n, _ => some (Diff.ofInt n)
  | Num.var i, env => lift1 Diff.ofInt (env.nums i)
  | Num.add a b, env => lift2 Diff.add (Num.eval a env) (Num.eval b env)
  | Num.scale k a, env => lift1 (Diff.scale k) (Num.eval a env)

/-- Whether a number is one of some literals. -/
def Diff.among (items : List Int) (a : Diff) : Bool := List.any items (fun n => Diff.eq a (Diff.ofInt n))
/-- The value of a condition; none is E. -/
def Expr.eval : Expr → Env → Option Bool
  | Expr.lit b, _ => some b
  | Expr.atom i, env => env.atoms i
  | Expr.not a, env => not3 (Expr.eval a env)
  | Expr.and a b, env => and3 (Expr.eval a env) (Expr.eval b env)
  | Expr.or a b, env => or3 (Expr.eval a env) (Expr.eval b env)
  | Expr.ite c a b, env => ite3 (Expr.eval c env) (Expr.eval a env) (Expr.eval b env)
  | Expr.cmp op a b, env => lift2 (Cmp.test op) (Num.eval a env) (Num.eval b env)
  | Expr.among a items, env => lift1 (Diff.among items) (Num.eval a env)

/-- What has a value in `less` has the same value in `more`. -/
def Below (less more : Env) : Prop :=
  (∀ i b, less.atoms i = some b → more.atoms i = some b) ∧
    (∀ i n, less.nums i = some n → more.nums i = some n)

end Bartizan
