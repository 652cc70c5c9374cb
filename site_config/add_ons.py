"""Mailers out of the variables that a PaaS provider's add-ons put into the environment."""

from urllib.parse import quote

from environs import Env

# Adding one is enough.
ADD_ONS = {
    ("POSTMARK_API_TOKEN",): "postmark://{}",
    ("MAILGUN_API_KEY", "MAILGUN_DOMAIN"): "mailgun://{}@{}",
    ("SENDGRID_API_KEY",): "sendgrid://{}",
}
# An add-on that hands out a whole SMTP URL, with an option of its own that is our rule anyway.
SMTP_ADD_ON = "CLOUDMAILIN_SMTP_URL"


def is_by_add_on(env: Env) -> bool:
    """True where nobody named a mailer, and an add-on's variables do."""
    return not env.str("MAILER_URL", "") and bool(add_on_url(env))


def add_on_url(env: Env) -> str:
    """The mailer URL that an add-on's own variables stand for; "" where there is none."""
    for names, pattern in ADD_ONS.items():
        values = [quote(env.str(name, ""), safe="") for name in names]
        if all(values):
            return pattern.format(*values)
    return env.str(SMTP_ADD_ON, "").partition("?")[0]
