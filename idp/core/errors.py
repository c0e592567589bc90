"""Every failure that a member or an integrator can meet: its number, status and words."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of `docs/reference/errors.md`."""

    number: str
    status: int
    title: str
    member: str
    help_desk: str
    operator: str


class Problem(Exception):
    """A request that cannot be answered; rolls the transaction back and shows its number.

    `detail` is for the log only, never for the page.
    """

    def __init__(self, number: str, *, detail: str = "", retry_after: timedelta | None = None) -> None:
        """Look the number up in the catalogue (KeyError when it is not there)."""
        super().__init__(number)
        self.entry = CATALOGUE[number]
        self.detail = detail
        self.retry_after = retry_after


_ENTRIES = (
    # Pages: what any page may answer.
    Entry(
        "P-4000", 400, "Cette demande est incomplète",
        "La demande envoyée par votre navigateur n’est pas complète ou pas lisible. Revenez en arrière et recommencez.",
        "Ask the member to start again from the public site.",
        "A form or an address was malformed; the log line carries the detail.",
    ),
    Entry(
        "P-4001", 400, "Votre page a expiré",
        "La page est restée ouverte trop longtemps, ou elle vient d’un autre onglet. Rechargez-la et recommencez.",
        "The page's form protection no longer matches the browser: reload, and check that cookies are allowed.",
        "CSRF token missing, altered, too old, or the Origin header names another site.",
    ),
    Entry(
        "P-4003", 403, "Cette page ne vous est pas ouverte",
        "Vous n’avez pas accès à cette page.",
        "The member followed a link that is not meant for them.",
        "Access refused by a rule; see the log.",
    ),
    Entry(
        "P-4004", 404, "Page introuvable",
        "Cette page n’existe pas ou n’existe plus. Vérifiez l’adresse, ou repartez de l’accueil.",
        "Ask where the link came from.",
        "No route matches, or the object behind it is gone.",
    ),
    Entry(
        "P-4005", 405, "Cette action n’est pas possible ici",
        "Votre navigateur a demandé une action que cette page ne connaît pas. Repartez de l’accueil.",
        "Ask the member to start again from the public site.",
        "The HTTP method is not allowed for this address.",
    ),
    Entry(
        "P-4013", 413, "Cette demande est trop volumineuse",
        "Votre navigateur a envoyé trop de données. Revenez en arrière et recommencez.",
        "Nothing a member does by hand is that large.",
        "The body, a field or the address exceeded its limit.",
    ),
    Entry(
        "P-4029", 429, "Trop de demandes",
        "Trop de demandes viennent de votre connexion internet. Attendez un peu, puis recommencez.",
        "Wait a minute. Shared networks (a company, a hotel) may meet it together.",
        "The edge's rate limit; see `limits`.",
    ),
    # Availability.
    Entry(
        "P-5000", 500, "Une erreur est survenue",
        "Le service a rencontré une erreur. Rien n’a été perdu. Recommencez dans quelques minutes.",
        "Note the time and tell the operators.",
        "An unexpected exception; the log holds the trace under this request's identifier.",
    ),
    Entry(
        "P-5003", 503, "Le service est momentanément indisponible",
        "Le service ne répond pas pour le moment. Rien n’a été perdu. Recommencez dans quelques instants.",
        "Usually over within minutes; ask to try again.",
        "The database did not answer or a lock was not had in time.",
    ),
    Entry(
        "P-5004", 503, "Beaucoup de personnes se connectent en ce moment",
        "Votre demande n’a pas pu être traitée à temps. Attendez quelques secondes, puis recommencez.",
        "Ask to try again in a minute.",
        "The hashing gate was full; consider more workers or a lower bcrypt cost.",
    ),
    # Sign-in.
    Entry(
        "P-2001", 403, "Cet espace ne vous est pas destiné",
        "Votre compte existe, mais il n’ouvre pas cet espace. Choisissez votre espace ci-dessous.",
        "The account's population is not among those the space admits.",
        "See `populations` in the space and in the client file.",
    ),
    Entry(
        "P-2002", 400, "Votre connexion a expiré",
        "La connexion que vous aviez commencée a expiré. Recommencez depuis le service où vous vouliez aller.",
        "A sign-in lasts 30 minutes; start again from the public site.",
        "The interaction is unknown, over, or belongs to another browser.",
    ),
    Entry(
        "P-2003", 400, "Il manque les cookies de ce site",
        "Votre navigateur les refuse, ou cette page a été commencée dans un autre navigateur. Autorisez les cookies pour ce site dans ses réglages, puis recommencez.",
        "Cookies are blocked; help the member allow them for this site.",
        "A form, or the page of a sign-in begun moments ago, was asked for without the browser cookie set before.",
    ),
    Entry(
        "P-2004", 200, "Trop de codes ont été essayés",
        "Cette connexion est terminée. Recommencez, vous recevrez un nouveau code.",
        "Five codes were tried in one sign-in; a new sign-in brings a new code. The account is not blocked.",
        "`sign_in.code_tries`; many of these for one account are a sign of guessing.",
    ),
    Entry(
        "P-2005", 200, "Trop de codes ont été envoyés aujourd’hui",
        "Votre compte a reçu tous les codes possibles pour une journée. Recommencez demain.",
        "The account received its codes of the day; somebody may be playing with the sign-in.",
        "`sign_in.codes_per_day`; see the audit events `code.not_sent`.",
    ),
    Entry(
        "P-2006", 200, "La connexion par code fait une pause",
        "Beaucoup de codes faux ont été entrés pour votre compte. Recommencez dans une heure au plus tard.",
        "Wrong codes put the second step to rest for an hour; the owner was told. Somebody may know the password.",
        "`sign_in.wrong_codes_per_day` and `sign_in.freeze`; see the audit event `code.frozen`.",
    ),
    Entry(
        "P-2007", 410, "Cette connexion est déjà terminée",
        "Vous vous êtes connecté(e) entre-temps, peut-être dans un autre onglet. Continuez : votre mot de passe ne vous sera pas redemandé.",
        "The member went back to a page of a sign-in that has ended; « Continuer » leads to the service.",
        "A page of an interaction that ended in a session of this browser.",
    ),
    Entry(
        "P-2008", 409, "Votre demande a été envoyée deux fois",
        "Les deux envois se sont croisés et rien n’a été perdu. Continuez pour reprendre là où vous en étiez.",
        "A double click, or two tabs on one sign-in; « Continuer » leads to the step that is due.",
        "Two requests changed one interaction at once; the second one changed nothing.",
    ),
    # Stronger second steps.
    Entry(
        "P-6401", 200, "Clé d’accès refusée",
        "Cette clé d’accès n’a pas pu être vérifiée. Recommencez, ou connectez-vous autrement.",
        "The passkey was removed, belongs to another site or account, did not ask who holds it, or the page was older than five minutes. Password and code still work.",
        "See the audit events `passkey.refused` (with the reason) and `passkey.copied`.",
    ),
    Entry(
        "P-6402", 404, "Les clés d’accès ne sont pas possibles ici",
        "Ce service n’a pas de nom de domaine : une clé d’accès ne peut pas lui être rattachée.",
        "Only on installations whose address is a number; an authenticator app works everywhere.",
        "Passkeys need an `issuer` with a domain name and HTTPS (or `http://localhost`).",
    ),
    Entry(
        "P-6403", 409, "Cette étape est déjà terminée",
        "Cet ajout a été terminé ou remplacé, peut-être dans un autre onglet. Ouvrez « Mon compte » pour voir où vous en êtes.",
        "An app or a passkey was added in another tab or browser meanwhile.",
        "The pending secret of an app is over, or another app was confirmed.",
    ),
    Entry(
        "P-6404", 403, "Ce moyen de connexion ne peut pas être retiré",
        "Votre compte doit garder une application d’authentification ou une clé d’accès. Ajoutez-en une autre d’abord.",
        "Staff accounts keep at least one stronger second step.",
        "The account is one of those whose second step must be an app or a passkey.",
    ),
    # Enrolment.
    Entry(
        "P-1001", 404, "Ce lien n’est pas valable",
        "Ce lien n’est pas complet ou n’existe pas. Ouvrez-le à nouveau depuis le mail, ou recommencez votre inscription.",
        "The link was cut or mistyped; the code in the same mail works too.",
        "No enrolment matches the token's fingerprint.",
    ),
    Entry(
        "P-1002", 404, "Cet espace n’a pas d’inscription en ligne",
        "L’accès à cet espace se fait sur invitation. Appelez notre service d’aide.",
        "Professionals and delegates are invited.",
        "The space has `enrolment = false`.",
    ),
    # « Ce n'était pas moi ».
    Entry(
        "P-6301", 404, "Ce lien n’est pas valable",
        "Ce lien n’est pas complet ou n’existe plus. Ouvrez-le à nouveau depuis l’email. Si quelque chose vous inquiète, choisissez un nouveau mot de passe.",
        "The link was cut, mistyped, or is more than two weeks old. Any later security mail has one that works.",
        "No notice matches the token's fingerprint.",
    ),
    Entry(
        "P-6302", 410, "Ce lien n’est plus valable",
        "Ce lien était valable 7 jours, ou le compte est fermé.",
        "Help the member choose a new password; « Mon compte » shows what happened, with the same button.",
        "The notice is older than seven days, or its account has ended.",
    ),
    Entry(
        "P-6303", 200, "Trop de numéros ont été essayés",
        "Par sécurité, ce lien ne fait plus rien. Votre compte n’a pas changé.",
        "Five wrong member numbers were typed on the link of a security mail: by a program that reads mails, or by somebody who found it.",
        "See the audit events `alarm.wrong_number`.",
    ),
    Entry(
        "P-6304", 200, "Votre compte est bloqué",
        "Vous nous avez dit : « Ce n’était pas moi ». Débloquez votre compte avec le code d’accès qui est imprimé sur vos relevés, ou avec le code d’une lettre.",
        "An alarm stands. Only the access code or a letter's code ends it; where a stranger knows the access code, only the letter's.",
        "`account.alarm_at` and `account.alarm_proof`; see the audit events `alarm.raised` and `alarm.undone`.",
    ),
    Entry(
        "P-6305", 200, "Trop de codes d’accès ont été essayés",
        "Cette connexion est terminée. Retrouvez un relevé de votre mutuelle, puis recommencez.",
        "Five access codes were tried in one sign-in to a blocked account.",
        "See the audit events `alarm.wrong_code`; whoever tries them knows the password and reads the mailbox.",
    ),
    Entry(
        "P-6306", 200, "Nous ne pouvons pas vous envoyer de code",
        "Vous nous avez dit que l’adresse email de votre compte n’est pas la vôtre. Validez votre nouvelle adresse, ou donnez-en une autre.",
        "The reader of a letter said that the account's address is not theirs: no code goes there. The page says what the new one waits for. If the old address refused it, see who is right: `parvis members unlock NUMBER` says what to do.",
        "`account.email_disowned_at`; see the audit events `address.disowned` and `address.refused`.",
    ),
    # Invitations.
    Entry(
        "P-6101", 404, "Ce lien d’invitation n’est pas valable",
        "Ce lien n’est pas complet ou n’existe pas. Ouvrez-le à nouveau depuis le mail, ou entrez le code qu’il contient.",
        "The link was cut or mistyped; the code in the same mail works too. Otherwise invite again.",
        "No invitation matches the token's fingerprint, or it ended more than 90 days ago.",
    ),
    # Recovery.
    Entry(
        "P-6001", 404, "Ce lien n’est pas valable",
        "Ce lien n’est pas complet ou n’existe pas. Ouvrez-le à nouveau depuis l’email, ou demandez-en un autre.",
        "The link was cut or mistyped; the code in the same mail works too, in the browser that asked.",
        "No request for a new password matches the token's fingerprint.",
    ),
    Entry(
        "P-6002", 410, "Ce lien n’est plus valable",
        "Ce lien a déjà servi, ou il est trop ancien. Demandez-en un autre.",
        "A link for a new password is good for 30 minutes and once; ask for another.",
        "The request is spent, too old, or the account's epoch rose since.",
    ),
    Entry(
        "P-6003", 404, "Ce lien n’est pas valable",
        "Ce lien n’est pas complet ou n’existe pas. Ouvrez-le à nouveau depuis l’email, ou recommencez votre demande.",
        "The link was cut or mistyped; the code in the same mail works too, in the browser that asked.",
        "No request for a new address matches the token's fingerprint.",
    ),
    Entry(
        "P-6004", 410, "Ce lien n’est plus valable",
        "Ce lien est trop ancien, ou la demande a été remplacée ou refusée. Recommencez votre demande.",
        "A link for a new address is good for 24 hours; the old address may have refused the change.",
        "The change is over, refused or replaced, or the account's epoch rose since.",
    ),
    # OpenID Connect, where no redirect is safe.
    Entry(
        "P-3001", 400, "Le service qui vous envoie n’est pas reconnu",
        "Le lien qui vous a mené ici ne vient pas d’un service que nous connaissons. Repartez du site de votre mutuelle.",
        "The link is old or forged; start again from the public site.",
        "Unknown or disabled client_id.",
    ),
    Entry(
        "P-3002", 400, "L’adresse de retour n’est pas reconnue",
        "Le lien qui vous a mené ici contient une adresse de retour inconnue. Repartez du site de votre mutuelle.",
        "The link is old or forged; start again from the public site.",
        "redirect_uri is missing, doubled, or not exactly one of the client's registered addresses.",
    ),
    Entry(
        "P-3003", 400, "La demande de connexion n’est pas valable",
        "Le service qui vous envoie a fait une demande que nous ne pouvons pas lire. Repartez du site de votre mutuelle.",
        "An error of the service that sent the member.",
        "The authorization request is malformed and carries no proven address to answer to.",
    ),
    Entry(
        "P-3004", 400, "Cette demande de connexion n’est plus valable",
        "La demande du service qui vous envoie a expiré ou a déjà servi. Repartez de ce service.",
        "The member waited too long or went back after signing in; start again from the service.",
        "The request_uri of a pushed request is unknown, over, spent, or another client's.",
    ),
    # Configuration and command line.
    Entry(
        "P-9001", 500, "Réglage refusé", "", "",
        "A setting or variable is unknown or wrong; the message names it and the nearest known name.",
    ),
    Entry(
        "P-9002", 500, "Fichier de client refusé", "", "",
        "A client file is wrong; the message names the file, the key and what it must be.",
    ),
    Entry(
        "P-9003", 500, "Espace refusé", "", "",
        "A space's folder is wrong; the message names the file and the key.",
    ),
    Entry(
        "P-9004", 500, "Secret racine différent", "", "",
        "The database was sealed under another root secret: restore the secret, or the database that goes with it.",
    ),
    Entry(
        "P-9005", 500, "Port déjà pris", "", "",
        "Another program listens on a port of the demo: stop it, or move the ports with `--port-base`.",
    ),
    Entry(
        "P-9006", 500, "Un service de la démonstration s’est arrêté", "", "",
        "A service of the demo ended or did not answer; its log is under `var/demo/logs`.",
    ),
    Entry(
        "P-9007", 500, "Couleurs illisibles", "", "",
        "A colour of a space cannot be read on what it stands on; the message names file, key, both colours, the contrast that they have and the one that they need, and the nearest shades that pass.",
    ),
    Entry(
        "P-9011", 500, "Fichier de registre refusé", "", "",
        "The file is not a register: its header must be the one of the documentation.",
    ),
    Entry(
        "P-9012", 500, "Trop de membres disparaîtraient", "", "",
        "With `--full` more than 5 % of the members would go: check the file, or add `--force`.",
    ),
    Entry(
        "P-9013", 500, "Import dépassé par un autre", "", "",
        "Another import was applied while this one was read: run it again.",
    ),
    Entry(
        "P-9020", 500, "Clé inconnue", "", "",
        "`parvis keys retire` was given a key that is not in the ring; the message lists those that are.",
    ),
    Entry(
        "P-9021", 500, "Base de données inutilisable", "", "",
        "A command could not use the database: start it, correct `PARVIS_DATABASE_URL`, or make its tables with `parvis db upgrade`.",
    ),
    Entry(
        "P-9031", 500, "Client déjà connu", "", "",
        "A client or a client file with this identifier exists: choose another, or edit its file.",
    ),
    Entry(
        "P-9032", 500, "Client inconnu", "", "",
        "No client has this identifier: `parvis client list` shows those of the database, `parvis config plan` what waits in files.",
    ),
    Entry(
        "P-9033", 500, "Client sans secret à changer", "", "",
        "The client proves itself by keys or not at all, or it registered itself: there is no line of a file to change.",
    ),
    Entry(
        "P-9061", 500, "Lettre déjà demandée", "", "",
        "A letter for the same purpose was begun within the week; the message says when the next one may be.",
    ),
    Entry(
        "P-9062", 500, "Membre sans compte", "", "",
        "A recovery letter is for a member with an account: this one enrols, or is invited.",
    ),
    Entry(
        "P-9063", 500, "Lot de lettres non confirmé", "", "",
        "The files of a batch were written and the database did not confirm it. When `parvis members letters list` still shows its letters as waiting, delete the files and export again; otherwise the files are good.",
    ),
    Entry(
        "P-9064", 500, "Invitation impossible", "", "",
        "Members of this population create their account by themselves, no space admits it, or this member left, has an account, or has no address in the register; the message says which.",
    ),
    Entry(
        "P-9065", 500, "Déjà invité", "", "",
        "The address belongs to the staff already, or has an invitation that is still good: `--again` replaces it.",
    ),
    Entry(
        "P-9066", 500, "Adresse d’un autre compte", "", "",
        "The address opens the account of a member: staff have an address of their own.",
    ),
    Entry(
        "P-9067", 500, "Code de lettre illisible", "", "",
        "A waiting letter was sealed under another root secret: restore the secret, or the database that goes with it. Nothing was exported.",
    ),
)  # fmt: skip

CATALOGUE: dict[str, Entry] = {entry.number: entry for entry in _ENTRIES}
