"""The words of the invented mutual: news and frequent questions."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Article:
    """A piece of news."""

    slug: str
    title: str
    published_on: date
    summary: str
    paragraphs: tuple[str, ...]


NEWS = (
    Article(
        "ateliers-equilibre",
        "Des ateliers pour garder l'équilibre",
        date(2026, 3, 2),
        "Dès avril, nos animateurs vous accueillent près de chez vous pour bouger en douceur.",
        (
            "Chaque semaine, une heure d'exercices simples, assis ou debout, en petit groupe.",
            "Les ateliers sont gratuits pour tous nos adhérents et ouverts à leurs proches.",
            "Pour vous inscrire, appelez votre agence. Son numéro est dans « Mon contrat ».",
        ),
    ),
    Article(
        "assemblee-generale",
        "Assemblée générale : votre voix compte",
        date(2026, 2, 16),
        "Vos délégués se réunissent en juin. Dites-leur ce qui compte pour vous.",
        (
            "L'assemblée générale vote les comptes et les cotisations de l'année suivante.",
            "Chaque section y envoie ses délégués. Vous pouvez leur écrire jusqu'à la fin du mois de mai.",
        ),
    ),
    Article(
        "connexion-en-deux-etapes",
        "Votre espace est mieux protégé",
        date(2026, 1, 19),
        "La connexion se fait maintenant en deux étapes : votre mot de passe, puis un code reçu par email.",
        (
            "Le code n'est demandé qu'une fois sur les appareils que vous choisissez.",
            "Nous ne vous demanderons jamais ce code par téléphone ni par email.",
        ),
    ),
)

QUESTIONS = (
    (
        "Quand serai-je remboursé ?",
        "En général deux à trois jours après l'Assurance maladie. Voyez « Mes remboursements ».",
    ),
    (
        "Dois-je envoyer mes factures ?",
        "Le plus souvent, non : nous sommes prévenus. Sinon, utilisez « Demander un remboursement ».",
    ),
    (
        "Comment changer de compte bancaire ?",
        "Ouvrez « Mon contrat », puis « Mes coordonnées bancaires ». Nous vérifierons que c'est bien vous.",
    ),
    (
        "J'ai perdu ma carte de mutuelle. Que faire ?",
        "Ouvrez « Ma carte de mutuelle » : imprimez-la, ou montrez-la sur votre téléphone.",
    ),
    (
        "Quelqu'un m'a appelé et demande mon code. Est-ce normal ?",
        "Non. Nous ne demandons jamais un code ni un mot de passe. Raccrochez, puis appelez votre agence.",
    ),
)


def article(slug: str) -> Article | None:
    """The piece of news of that name."""
    return next((item for item in NEWS if item.slug == slug), None)
