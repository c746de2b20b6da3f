"""Answering approvals in a real browser: what a person does, and what becomes of the agent's call."""

from __future__ import annotations

import time
from collections.abc import Callable

from playwright.sync_api import expect
from tests.integrations.sidecar.page.desk import Agent, Person, Running

Come = Callable[..., Person]


def test_approve_lets_the_call_go_once(agent: Agent, person: Come) -> None:
    """The card says why a person is asked; after the answer the call goes, and the card says that it was used."""
    assert agent.pays("approve")["outcome"] == "escalate"
    ann = person("ann-token")
    card = ann.card("approve")
    expect(card.get_by_text("A person looks at payments above 100.")).to_be_visible()
    expect(card).to_contain_text("250.0")
    card.get_by_role("button", name="Approve").click()
    expect(card).to_contain_text("You answered")
    expect(card).to_contain_text("may run exactly this call, once")
    assert agent.pays("approve")["outcome"] == "allow"
    expect(card).to_contain_text("approved and run")
    assert agent.pays("approve")["outcome"] == "escalate"  # the answer is used: it is asked anew
    expect(ann.card("approve")).to_have_count(2)
    assert agent.pays("approve", amount=251)["outcome"] == "escalate"


def test_reject_denies_the_call(agent: Agent, person: Come) -> None:
    """A rejected call is denied when it is proposed again."""
    agent.pays("reject")
    ann = person("ann-token")
    card = ann.card("reject")
    card.get_by_role("button", name="Reject").click()
    expect(card).to_contain_text("rejected. The same call, proposed again, is denied.")
    expect(card.get_by_role("button", name="Approve")).to_have_count(0)
    assert agent.pays("reject")["outcome"] == "deny"


def test_an_edit_is_shown_as_a_difference_and_decided_before_it_is_approved(
    agent: Agent, person: Come
) -> None:
    """Both decisions stand side by side; what runs is the edited call, to the digit."""
    agent.pays("edit", amount=900)
    ann = person("ann-token")
    card = ann.card("edit")
    card.get_by_role("button", name="Edit…").click()
    box = card.get_by_label("Arguments, as JSON")
    expect(card.get_by_text("Nothing is changed yet.")).to_be_visible()
    expect(card.get_by_role("button", name="Approve the edited call")).to_be_disabled()

    box.fill('{"amount": 5000.00, "to": "Ada"}')
    after = card.locator(".side").nth(1)
    expect(card.locator(".side").nth(0)).to_have_attribute("data-outcome", "ESCALATE")
    expect(after).to_have_attribute("data-outcome", "DENY")
    expect(after).to_contain_text("Nothing above 1000 is paid.")
    expect(after).to_contain_text("An approval does not turn this")

    box.fill('{"amount": 12.50, "to": "Ada"}')
    expect(after).to_have_attribute("data-outcome", "ALLOW")
    expect(card.locator("table.diff tbody tr")).to_have_count(1)
    expect(card.locator("table.diff del")).to_have_text("900")
    expect(card.locator("table.diff ins")).to_have_text("12.50")
    card.get_by_role("button", name="Approve the edited call").click()
    expect(card).to_contain_text("edited and approved")

    answer = agent.pays("edit", amount=900)
    assert (answer["outcome"], answer["call"]["args"]) == ("allow", {"amount": 12.5, "to": "Ada"})


def test_what_is_no_json_object_cannot_be_approved(agent: Agent, person: Come) -> None:
    """The place of the mistake is named; a key that comes twice is one."""
    agent.pays("broken")
    card = person("ann-token").card("broken")
    card.get_by_role("button", name="Edit…").click()
    box, approve = (
        card.get_by_label("Arguments, as JSON"),
        card.get_by_role("button", name="Approve the edited call"),
    )
    for text, problem in (
        ('{"amount": 1,}', "Line 1, column 14: expected a key in quotes"),
        ('{"a": 1,\n "a": 2}', "Line 2, column 2: expected a key that is not there yet"),
        ("[1]", "Expected an object"),
        ('{"a": 01}', "expected a comma or }"),
    ):
        box.fill(text)
        expect(card.locator(".edit > .faint")).to_contain_text(problem)
        expect(approve).to_be_disabled()
    box.press("Escape")
    expect(card.get_by_label("Arguments, as JSON")).to_have_count(0)
    expect(card.get_by_role("button", name="Edit…")).to_be_focused()


def test_an_expired_question_closes_by_itself(agent: Agent, person: Come) -> None:
    """The time runs down before the eyes; then there is no button any more."""
    agent.pays("closing")
    ann = person("ann-token")
    card = ann.card("closing")
    expect(card.get_by_role("button", name="Approve")).to_be_visible()
    expect(card.locator(".time")).to_contain_text("left")
    ann.page.evaluate(  # an hour whenever it looks: the page sets its clock by what the service says
        "() => { const now = Date.now; let hours = 0; Date.now = () => now() + 3_600_000 * ++hours; }"
    )
    expect(card).to_contain_text("Nobody answered in time.")
    expect(card.get_by_role("button", name="Approve")).to_have_count(0)


def test_an_expired_question_takes_no_answer(service: Running) -> None:
    """Whatever a page shows, the service's clock counts."""
    asked = Agent(service, "quick-token").pays("expiry")["approval"]
    time.sleep(0.3)
    status, problem = service.ask(
        f"/v1/approvals/expiry/{asked['id']}", {"answer": "approve"}, token="kim-token"
    )
    assert (status, problem["type"]) == (409, "approval-expired")


def test_an_answer_is_not_taken_twice(service: Running, agent: Agent, person: Come) -> None:
    """The same request, sent again after the call has run, is refused in words and lets nothing go."""
    asked = agent.pays("replay")["approval"]
    ann = person("ann-token")
    with ann.page.expect_response(lambda response: response.request.method == "POST") as answered:
        ann.card("replay").get_by_role("button", name="Approve").click()
    sent = answered.value.request
    assert agent.pays("replay")["outcome"] == "allow"
    headers = {"authorization": "Bearer ann-token", "content-type": "application/json"}
    again = ann.page.request.post(sent.url, data=sent.post_data, headers=headers)
    assert again.status == 409 and "used already, answered by 'ann'" in again.json()["detail"]
    assert agent.pays("replay")["outcome"] == "escalate"
    assert agent.pays("replay")["approval"]["id"] != asked["id"]


def test_of_two_who_answer_at_once_one_is_told_that_it_is_too_late(agent: Agent, person: Come) -> None:
    """The second answer reaches the service before the page has heard of the first."""
    agent.pays("race")
    ann, ben = person("ann-token"), person("ben-token")
    expect(ben.card("race").get_by_role("button", name="Reject")).to_be_enabled()
    ben.page.route(
        "**/v1/approvals/race/*",
        lambda route: route.abort() if route.request.method == "GET" else route.continue_(),
    )
    ann.card("race").get_by_role("button", name="Approve").click()
    expect(ann.card("race")).to_contain_text("You answered")
    ben.card("race").get_by_role("button", name="Reject").click()
    expect(ben.card("race").get_by_role("alert")).to_contain_text("Not taken: approval")
    expect(ben.card("race").get_by_role("alert")).to_contain_text("is approved already, answered by 'ann'")
    ben.page.unroute_all()
    assert agent.pays("race")["outcome"] == "allow"


def test_an_answer_elsewhere_and_a_new_question_arrive_by_themselves(agent: Agent, person: Come) -> None:
    """Two people look on: what one answers the other sees, and both see what is asked meanwhile."""
    ann, ben = person("ann-token"), person("ben-token")
    agent.pays("live")
    for each in (ann, ben):
        expect(each.card("live").get_by_role("button", name="Approve")).to_be_visible()
        expect(each.page.get_by_role("status")).to_contain_text("New approval: pay")
    ben.card("live").get_by_role("button", name="Reject").click()
    expect(ann.card("live")).to_contain_text("Answered by ben")
    expect(ann.card("live").get_by_role("button", name="Approve")).to_have_count(0)
    ann.page.get_by_role("button", name="Clear answered").click()
    expect(ann.card("live")).to_have_count(0)


def test_who_may_only_read_cannot_answer(agent: Agent, person: Come) -> None:
    """The buttons are there, dead, and the page says why."""
    agent.pays("reader")
    eve = person("eve-token")
    expect(eve.page.get_by_text("This token may read, not approve.")).to_be_visible()
    expect(eve.card("reader").get_by_role("button", name="Approve")).to_be_disabled()


def test_approving_needs_no_pointer(agent: Agent, person: Come) -> None:
    """Sign in, go to the card and approve with the keyboard alone; what has the focus can be seen."""
    agent.pays("keyboard")
    someone = person()
    page = someone.page
    page.goto(someone.base)
    expect(page.get_by_label("Token")).to_be_focused()
    page.keyboard.type("ann-token")
    page.keyboard.press("Enter")
    expect(someone.card("keyboard")).to_be_visible()
    for _ in range(page.locator("article.card").count()):
        page.keyboard.press("j")
        if someone.card("keyboard").evaluate("card => card === document.activeElement"):
            break
    expect(someone.card("keyboard")).to_be_focused()
    assert someone.card("keyboard").evaluate("card => getComputedStyle(card).outlineStyle") == "solid"
    page.keyboard.press("a")
    expect(someone.card("keyboard").get_by_role("button", name="Approve")).to_be_focused()
    page.keyboard.press("Enter")
    expect(someone.card("keyboard")).to_contain_text("You answered")
    expect(someone.card("keyboard")).to_be_focused()  # not lost with the button
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    expect(page.get_by_role("heading", name="Decisions")).to_be_visible()
