import Spec.Eval

/-!
# The decision

Deny and escalate rules fire on T and on E, allow rules on T alone. Deny wins, then escalate; the default is to deny.
-/

namespace Bartizan

/-- Whether two texts are the same. -/
def Text.beq : Text → Text → Bool
  | [], [] => true
  | x :: a, y :: b => Nat.beq x y && Text.beq a b
  | _, _ => false

/-- What a rule says, by its effect, whether one of its soft signals is missing, and the value of its condition. -/
def votes : Effect → Bool → Option Bool → Vote
  | Effect.allow, _, none => Vote.silent
  | Effect.allow, _, some true => Vote.permit
  | Effect.allow, _, some false => Vote.silent
  | Effect.deny, true, none => Vote.ask
  | Effect.deny, false, none => Vote.deny
  | Effect.deny, _, some true => Vote.deny
  | Effect.deny, _, some false => Vote.silent
  | Effect.escalate, _, none => Vote.ask
  | Effect.escalate, _, some true => Vote.ask
  | Effect.escalate, _, some false => Vote.silent
  | _, _, _ => Vote.silent

/-- Whether a rule speaks of a tool and is in force: a shadow rule only reports. -/
def Rule.applies (r : Rule) (tool : Text) : Bool := !r.shadow && Text.beq r.tool tool
/-- Whether a signal is missing whose absence makes the rule ask instead of denying. -/
def Rule.missing (r : Rule) (env : Env) : Bool := List.any r.soft (fun i => isNone (env.nums i))
/-- What a rule says about a call of a tool. -/
def vote (tool : Text) (env : Env) (r : Rule) : Vote :=
  bif Rule.applies r tool then votes r.effect (Rule.missing r env) (Expr.eval r.cond env) else Vote.silent
/-- Whether two votes are the same. -/
def Vote.beq : Vote → Vote → Bool
  | Vote.deny, Vote.deny => true
  | Vote.ask, Vote.ask => true
  | Vote.permit, Vote.permit => true
  | Vote.silent, Vote.silent => true
  | _, _ => false

/-- Whether some rule votes so. -/
def voted (v : Vote) (tool : Text) (env : Env) (rules : List Rule) : Bool :=
  List.any rules (fun r => Vote.beq v (vote tool env r))
/-- What follows from whether somebody denies, asks, permits. -/
def outcome : Bool → Bool → Bool → Outcome
  | true, _, _ => Outcome.deny
  | false, true, _ => Outcome.escalate
  | false, false, true => Outcome.allow
  | false, false, false => Outcome.deny

/-- The decision about a call. -/
def decide (p : Policy) (tool : Text) (env : Env) : Outcome :=
  outcome (voted Vote.deny tool env p.rules) (voted Vote.ask tool env p.rules) (voted Vote.permit tool env p.rules)
/-- Whether a call is let go. -/
def Outcome.isAllow : Outcome → Bool
  | Outcome.allow => true
  | _ => false

/-- A policy with one more rule, in front. -/
def Policy.add (r : Rule) (p : Policy) : Policy := Policy.mk p.header p.leaves (r :: p.rules)
/-- A policy with the rules of one tool only: what the index by tool holds. -/
def Policy.slice (tool : Text) (p : Policy) : Policy :=
  Policy.mk p.header p.leaves (List.filter (fun (r : Rule) => Text.beq r.tool tool) p.rules)

end Bartizan
