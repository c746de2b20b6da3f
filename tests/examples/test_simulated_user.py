from __future__ import annotations

from bartizan.integrations.agentdojo.agent import PlannedCall
from bartizan.integrations.agentdojo.simulated_user import SimulatedUser

PAY = PlannedCall("pay", {"iban": "DE89", "amount": 10})


def test_approves_what_the_task_needs() -> None:
    """A call of the task's ground truth is approved, whatever the order of its arguments."""
    user = SimulatedUser((PAY,))
    assert user.approves("pay", {"amount": 10, "iban": "DE89"}, [])
    assert (user.asked, user.granted, user.refused) == (1, 1, 0)


def test_refuses_everything_else() -> None:
    """One changed argument, one more argument, another tool: refused."""
    user = SimulatedUser((PAY,))
    assert not user.approves("pay", {"iban": "DE88", "amount": 10}, [])
    assert not user.approves("pay", {"iban": "DE89", "amount": 10, "note": ""}, [])
    assert not user.approves("transfer", dict(PAY.args), [])
    assert (user.asked, user.granted, user.refused) == (3, 0, 3)


def test_approves_a_call_at_most_as_often_as_the_task_needs_it() -> None:
    """What has been done already is not approved again, also if it was done without asking."""
    user = SimulatedUser((PAY, PAY))
    assert user.approves("pay", PAY.args, [])
    assert user.approves("pay", PAY.args, [PAY])
    assert not user.approves("pay", PAY.args, [PAY, PAY])


def test_a_careless_user_approves_whatever_is_asked() -> None:
    """Careless: every request is granted."""
    user = SimulatedUser((), careless=True)
    assert user.approves("pay", PAY.args, [PAY])
    assert user.granted == 1
