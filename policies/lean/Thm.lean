import Thm.Decide
import Thm.Information
import Thm.Gate
import Thm.Regular
