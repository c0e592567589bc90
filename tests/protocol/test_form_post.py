"""OAuth 2.0 Form Post Response Mode: the answer as a page that posts itself."""

from bs4 import BeautifulSoup

from tests.protocol.party import ISSUER


def test_the_answer_is_a_form_for_the_registered_address(rp, member):
    asked = rp.ask(response_mode="form_post")

    response = member.get(asked.url)
    form = BeautifulSoup(response.text, "html.parser").find(id="form-post")
    sent = {tag["name"]: tag["value"] for tag in form.find_all("input")}

    assert form["action"] == rp.redirect_uri
    assert form["method"] == "post"
    assert set(sent) == {"code", "state", "iss"}
    assert sent["iss"] == ISSUER
    assert rp.redeem(sent["code"], asked).status_code == 200


def test_its_policy_lets_forms_go_to_that_origin_only_and_runs_no_inline_script(rp, member):
    # The policy `form-action 'self'` alone would stop the form in the browser.
    response = member.get(rp.ask(response_mode="form_post").url)

    policy = response.headers["Content-Security-Policy"]
    assert "form-action 'self' http://127.0.0.1:9;" in policy + ";"
    assert "unsafe" not in policy
    assert response.headers["Cache-Control"] == "no-store"
    soup = BeautifulSoup(response.text, "html.parser")
    assert all(script.get("src") for script in soup.find_all("script"))
    assert all(member.get(script["src"]).status_code == 200 for script in soup.find_all("script"))


def test_hostile_state_is_text_and_never_markup(rp, member):
    state = "\"><script>alert(1)</script>'"

    response = member.get(rp.ask(response_mode="form_post", state=state).url)

    assert "<script>alert(1)" not in response.text
    soup = BeautifulSoup(response.text, "html.parser")
    assert soup.find("input", {"name": "state"})["value"] == state


def test_without_javascript_a_button_goes_on(rp, member):
    soup = BeautifulSoup(member.get(rp.ask(response_mode="form_post").url).text, "html.parser")

    assert soup.find(id="form-post").find("button", type="submit").get_text(strip=True) == "Continuer"
    assert len(soup.find_all("h1")) == 1
    assert soup.html["lang"] == "fr"
