"""The authorization endpoint: a valid request and a session that answers it become a code."""

from collections.abc import Iterable
from urllib.parse import urlencode

from flask import Response

from idp.core import secrets
from idp.core.errors import Problem
from idp.login import service as signing_in
from idp.login.interaction import Demand
from idp.login.service import Finished, Login, Shortfall
from idp.oidc import answers, claims, codes, consent, hints, pushed, requests, tokens
from idp.oidc.provider import Provider, Snapshot
from idp.oidc.requests import AuthorizationRequest, Doubt, Prompt, Refused
from idp.sessions import assurance
from idp.sessions import service as sessions
from idp.sessions.service import LiveSession
from idp.subjects import accounts, consents, emails
from idp.web.kit import Visit

_REAUTHENTICATE = frozenset({Prompt.LOGIN, Prompt.SELECT_ACCOUNT})


class Authorization:
    """The rules of one endpoint, over the parts they need."""

    def __init__(self, provider: Provider, login: Login) -> None:
        """Keep the parts."""
        self._provider = provider
        self._login = login

    def ask_again(self, visit: Visit) -> Response:
        """Have a posted request repeated as a GET: a POST from another site brings no SameSite cookies."""
        form = visit.request.form
        pairs = [(name, value) for name in requests.KNOWN for value in form.getlist(name)]
        query = urlencode(pairs)
        if len(query) > requests.LONGEST_REQUEST:
            raise Problem("P-4013", detail="authorization request by POST")
        return visit.see_other(f"/oauth2/authorize?{query}")

    def answer(self, visit: Visit, parameters: requests.Parameters) -> Response:
        """Answer a request: a code, an error for the client, a sign-in, or a page when in doubt."""
        snapshot = self._provider.snapshot(visit.session, now=visit.now)
        found = self._read(visit, parameters, snapshot)
        match found:
            case Doubt():
                raise answers.page_of(found)
            case Refused():
                return answers.error(visit, found)
            case AuthorizationRequest():
                visit.prefer(found.ui_locales)
                return self._decide(visit, found, snapshot)

    def _read(
        self, visit: Visit, parameters: requests.Parameters, snapshot: Snapshot
    ) -> AuthorizationRequest | Refused | Doubt:
        """The request, which may have been pushed: then nothing beside its handle counts (RFC 9126 section 4)."""
        uris = parameters.get("request_uri", ())
        settings = self._provider.settings
        if len(uris) != 1 or not uris[0].startswith(pushed.PREFIX):
            return requests.read(parameters, clients=snapshot.clients, settings=settings)
        client_id = next(iter(parameters.get("client_id", ())), "")
        stored = pushed.find(visit.session, uris[0], client_id=client_id, now=visit.now)
        if stored is None:
            return Doubt.PUSHED
        given = {**stored, "request_uri": uris}
        return requests.read(given, clients=snapshot.clients, settings=settings, is_pushed=True)

    def resume(self, visit: Visit, handle: str) -> Response:
        """Take the result of a sign-in that a request began; a third party's is asked for first."""
        finished = signing_in.finished(visit, handle)
        request = self._of(visit, finished)
        live = finished.live if finished is not None else None
        if live is not None and consent.is_needed(visit.session, request, live):
            return visit.see_other(f"{consent.PATH}?i={handle}")
        return self._conclude(visit, handle, request)

    def ask_consent(self, visit: Visit, handle: str) -> Response:
        """The page that says what a third party wants to know."""
        finished = signing_in.finished(visit, handle)
        request = self._of(visit, finished)
        if finished is None or finished.live is None:
            return visit.see_other(f"{signing_in.RESUME}?i={handle}")
        profile = accounts.profile(visit.session, finished.live.account_id)
        if profile is None:
            raise Problem("P-2002", detail="the account ended before the consent")
        return visit.page(
            "oidc/consentement.html",
            hidden={"i": handle, "shown": consent.seal_of(request)},
            client_name=request.client.client_name,
            wishes=consent.Wish.of(request).words(visit.say),
            links=[(address, visit.say(words)) for address, words in consent.links_of(request.client)],
            full_name=f"{profile.given_name} {profile.family_name}".strip(),
            masked_address=emails.mask(profile.email),
        )

    def answer_consent(self, visit: Visit, handle: str, given: str, shown: str) -> Response:
        """The member's answer to what was `shown`; anything but that, or but a button, asks again."""
        finished = signing_in.finished(visit, handle)
        request = self._of(visit, finished)
        if given not in {"yes", "no"} or not secrets.same(shown, consent.seal_of(request)):
            return self.ask_consent(visit, handle)
        if finished is not None and finished.live is not None:
            account_id = finished.live.account_id
            client_id = request.client.client_id
            visit.audit(
                "consent.given" if given == "yes" else "consent.refused", account_id, client_id=client_id
            )
            if given == "no":
                signing_in.take(visit, handle)
                return self._refuse(visit, request, "access_denied", "the member refused")
            wish = consent.Wish.of(request)
            consents.give(
                visit.session, account_id, client_id, scopes=wish.scopes, claims=wish.claims, now=visit.now
            )
        return self._conclude(visit, handle, request)

    def _of(self, visit: Visit, finished: Finished | None) -> AuthorizationRequest:
        """The request that a sign-in was for. Raises Problem when there is none any more."""
        if finished is None or finished.demand.client_id is None:
            raise Problem("P-2002", detail="no finished sign-in of this browser")
        snapshot = self._provider.snapshot(visit.session, now=visit.now)
        parameters = requests.again(finished.demand.parameters)
        found = requests.read(
            parameters,
            clients=snapshot.clients,
            settings=self._provider.settings,
            is_pushed="request_uri" in parameters,
        )
        if isinstance(found, AuthorizationRequest):
            return found
        # The client was changed or disabled while its member signed in.
        raise answers.page_of(found if isinstance(found, Doubt) else Doubt.MALFORMED)

    def _conclude(self, visit: Visit, handle: str, request: AuthorizationRequest) -> Response:
        """Answer the request as it was judged: read once more, its client might have become another."""
        finished = signing_in.take(visit, handle)
        if finished is None:
            raise Problem("P-2002", detail="the sign-in was answered in another window")
        if finished.live is None:
            return self._refuse(visit, request, "access_denied", "the member cancelled")
        snapshot = self._provider.snapshot(visit.session, now=visit.now)
        return self._give(visit, request, finished.live, snapshot)

    def _refuse(self, visit: Visit, request: AuthorizationRequest, error: str, description: str) -> Response:
        return self._error(visit, request, Refused(request.target, error, description))

    def _error(self, visit: Visit, request: AuthorizationRequest, refused: Refused) -> Response:
        """Tell the client; a pushed request is answered by an error too."""
        if request.pushed_uri is not None:
            pushed.spend(visit.session, request.pushed_uri, now=visit.now)
        return answers.error(visit, refused)

    def _decide(self, visit: Visit, request: AuthorizationRequest, snapshot: Snapshot) -> Response:
        client = request.client
        visit.space = self._provider.spaces[client.space]
        subject = self._expected_subject(request, snapshot)
        if isinstance(subject, Refused):
            return self._error(visit, request, subject)
        if _unmet_acr(request):
            return self._error(visit, request, _unmet(request))
        demand = _demand(request, subject)
        live = signing_in.live_session(visit)
        shortfall = signing_in.is_enough(live, demand, now=visit.now)
        if shortfall is None and not self._is_subject(request, live, subject):
            shortfall = Shortfall.OTHER_ACCOUNT
        is_complete = shortfall is None and live is not None and not demand.create
        if is_complete and live is not None and not consent.is_needed(visit.session, request, live):
            return self._give(visit, request, live, snapshot)
        if Prompt.NONE in request.prompts:
            return self._error(visit, request, _silent_refusal(request, shortfall))
        if request.pushed_uri is not None:
            pushed.keep_longer(visit.session, request.pushed_uri, now=visit.now)
        return self._login.begin(visit, demand)

    def _give(
        self, visit: Visit, request: AuthorizationRequest, live: LiveSession, snapshot: Snapshot
    ) -> Response:
        """The code, after a last look: this session is the expected member's, admitted, strong enough."""
        subject = self._expected_subject(request, snapshot)
        if isinstance(subject, Refused):
            return self._error(visit, request, subject)
        if not self._is_subject(request, live, subject):
            refused = Refused(request.target, "login_required", "another member signed in")
            return self._error(visit, request, refused)
        if live.population not in request.client.populations:
            refused = Refused(request.target, "access_denied", "the client is not for this member")
            return self._error(visit, request, refused)
        if not assurance.reaches(live.acr, _least_acr(request)):
            return self._error(visit, request, _unmet(request))
        if request.pushed_uri is not None and not pushed.spend(
            visit.session, request.pushed_uri, now=visit.now
        ):
            raise answers.page_of(Doubt.PUSHED)
        sessions.touch(visit.session, live, now=visit.now)
        settings = self._provider.settings
        value = codes.issue(
            visit.session,
            request,
            live,
            now=visit.now,
            lifetime=settings.oidc.code_lifetime,
            remembered=tokens.access_token_lifetime(request.client, settings),
        )
        return answers.code(visit, request.target, value)

    def _expected_subject(self, request: AuthorizationRequest, snapshot: Snapshot) -> str | Refused | None:
        """The one `sub` that will do, by `id_token_hint` or the parameter `claims`; None: anybody."""
        if request.id_token_hint is None:
            return request.wanted.subject
        hint = hints.read(request.id_token_hint, ring=snapshot.ring, issuer=self._provider.issuer)
        if hint is None or hint.client_id != request.client.client_id:
            return Refused(request.target, "invalid_request", "id_token_hint is no ID token of this client")
        return hint.sub

    def _is_subject(
        self, request: AuthorizationRequest, live: LiveSession | None, expected: str | None
    ) -> bool:
        if live is None or expected is None:
            return True
        return claims.subject_of(request.client, live.account_id, vault=self._provider.vault) == expected


def _demand(request: AuthorizationRequest, subject: str | None) -> Demand:
    client = request.client
    is_public = client.subject_type == "public"
    return Demand(
        space=client.space,
        client_id=client.client_id,
        client_name=client.client_name,
        populations=tuple(sorted(client.populations)),
        parameters=dict(request.parameters),
        reauthenticate=bool(request.prompts & _REAUTHENTICATE),
        max_age=request.max_age,
        acr=_least_acr(request),
        login_hint=request.login_hint,
        create=Prompt.CREATE in request.prompts,
        account_id=subject if is_public else None,
        ui_locales=request.ui_locales,
    )


def _least_acr(request: AuthorizationRequest) -> str | None:
    """The weakest context that will do: of those asked for, and never below the client's own floor."""
    asked = _known_levels([*request.acr_values, *request.wanted.acr_values])
    floors = [min(asked)] if asked else []
    floors += _known_levels([request.client.min_acr])
    return assurance.LEVELS[max(floors)] if floors else None


def _unmet_acr(request: AuthorizationRequest) -> bool:
    """Whether an essential `acr` names nothing that we can reach (OIDC Core 5.5.1.1)."""
    wanted = request.wanted
    return wanted.acr_is_essential and bool(wanted.acr_values) and not _known_levels(wanted.acr_values)


def _unmet(request: AuthorizationRequest) -> Refused:
    description = "the requested authentication context cannot be reached"
    return Refused(request.target, "unmet_authentication_requirements", description)


def _known_levels(values: Iterable[str | None]) -> list[int]:
    return [assurance.LEVELS.index(value) for value in values if value in assurance.LEVELS]


def _silent_refusal(request: AuthorizationRequest, shortfall: Shortfall | None) -> Refused:
    """The error for `prompt=none` when a page would be needed (OIDC Core 3.1.2.6)."""
    match shortfall:
        case Shortfall.LOGIN_REQUIRED | Shortfall.OTHER_ACCOUNT:
            return Refused(request.target, "login_required", "the member must sign in")
        case None if not request.client.first_party:
            return Refused(request.target, "consent_required", "the member must be asked first")
        case Shortfall.POPULATION | Shortfall.ACR | Shortfall.SECOND_STEP | None:
            return Refused(request.target, "interaction_required", "the member must go through a page")
