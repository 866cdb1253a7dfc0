"""The dashboard's dials and buttons."""

import threading

from selenium.webdriver.common.keys import Keys


def commands(server):
    return [body["commands"] for _, body in server.posts()]


def test_dial_sets_the_step_size_and_its_mark_appears(watched, run, server):
    assert "On schedule" in watched.text(".dial")
    assert not watched.all(".value-chart .pin")
    watched.one(".dial form input").send_keys("0.0003\n")
    watched.one(".dial .answer.ok", "Applied at iteration 500: step_size 9.93e-4 → 3e-4")
    assert commands(server) == [[{"set": {"path": "optimizer.adam.step_size", "value": 0.0003}}]]
    watched.one(".badge", "Taken over")
    run.advance(100)
    watched.wait(lambda: watched.text(".dial-value") == "3e-4")
    pin = watched.one(".value-chart .pin")
    assert "step_size 9.93e-4 → 3e-4; by dashboard, at iteration 500" in pin.get_attribute(
        "aria-label"
    )
    watched.driver.execute_script("arguments[0].focus()", pin)
    watched.one(".tip", "by dashboard, at iteration 500")
    watched.one("section[aria-label='Commands'] li", "dashboard, at iteration 500")


def test_commands_carry_the_name_that_people_give_themselves(watched, run):
    watched.one("#me").send_keys("Zoë" + Keys.TAB)
    press(watched, "2")
    watched.one("section[aria-label='Commands'] li", "Zoe, at iteration 500")
    events = [run.event(revision) for revision in range(1, len(run.journal) + 1)]
    applied = [event["command_applied"] for event in events if "command_applied" in event]
    assert [command["principal"] for command in applied] == ["Zoe"]
    watched.run("localStorage.clear()")


def test_slider_only_drafts_until_set(watched, server):
    slider = watched.one(".dial input[type=range]")
    slider.send_keys(Keys.ARROW_RIGHT * 10)  # a tenth of a decade
    draft = watched.one(".dial form input").get_attribute("value")
    assert draft == "0.00126"
    assert server.posts() == []
    watched.one(".dial form button", "Set").click()
    watched.one(".dial .answer.ok", "→ 0.00126")


def press(page, label):
    """A button of the dial, as soon as it can be pressed."""
    page.wait(
        lambda: next(
            (b for b in page.all(".dial button") if b.text.endswith(label) and b.is_enabled()), None
        )
    ).click()


def test_halve_double_release(watched, run, server):
    for label, answer in [
        ("½", "9.93e-4 → 4.965e-4"),
        ("2", "4.965e-4 → 9.93e-4"),
        ("Release", "released"),
    ]:
        press(watched, label)
        watched.one(".dial .answer.ok", answer)
        run.advance(1)
    kinds = [next(iter(c[0])) for c in commands(server)]
    assert kinds == ["scale", "scale", "release"]
    watched.one(".badge", "On schedule")


def test_refused_command_shows_the_servers_sentence(watched, server):
    watched.one(".dial form input").send_keys("-1\n")
    watched.one(".dial .answer.bad", "must be finite and at least 0, not -1; nothing was changed")
    assert watched.one(".dial form input").get_attribute("value") == "-1"
    watched.one(".badge", "On schedule")


def test_text_is_not_sent_as_a_number(watched, server):
    watched.one(".dial form input").send_keys("fast\n")
    watched.one(".dial .answer.bad", "“fast” is not a number")
    assert server.posts() == []


def test_pause_resume_and_confirmed_stop(watched, run, server):
    watched.one(".actions button", "Pause").click()
    watched.one(".state", "Paused")
    watched.one(".actions button", "Resume").click()
    watched.one(".state", "Running")
    watched.one(".actions button", "Stop").click()
    watched.one("dialog[open] button", "Let it run").click()
    watched.wait(lambda: not watched.all("dialog[open]"))
    assert run.state == "RUNNING"
    watched.one(".actions button", "Stop").click()
    watched.one("dialog[open] button", "Stop it").click()
    watched.one(".state", "Stopped")
    watched.one(".reason", "stopped by dashboard")
    assert [next(iter(c[0])) for c in commands(server)] == ["pause", "resume", "stop"]


def test_command_whose_answer_was_lost_is_asked_again_and_happens_once(watched, run, server):
    answered = threading.Event()
    take = run.command

    def take_and_cut(body, *rest):
        answer = take(body, *rest)
        if not answered.is_set():
            answered.set()
            server.cut()
        return answer

    run.command = take_and_cut
    press(watched, "½")
    watched.one(".dial .answer.ok", "9.93e-4 → 4.965e-4")
    posts = server.posts()
    # Asked until it is answered, on a slow machine more than twice; always the same request.
    assert len(posts) >= 2 and all(post == posts[0] for post in posts)
    assert sum(run.kind(r) == "command_applied" for r in range(1, len(run.journal) + 1)) == 1
