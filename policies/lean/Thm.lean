import Thm.Decide
import Thm.Information
import Thm.Gate
import Thm.Arithmetic
import Thm.Certificate
import Thm.Registers
import Thm.Budget
import Thm.Regular
