import Spec.Value
import Spec.Expr
import Spec.Eval
import Spec.Decide
import Spec.Gate
import Spec.Certificate
import Spec.Session
import Spec.Regular
