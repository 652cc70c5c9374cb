"""Every setting of the site, read from the environment, in one file.

With no variable at all this module imports (a PaaS builds that way), and whatever is missing or
wrong is collected in CONFIGURATION_FAULTS: `wsgi.py` and the worker refuse to start with them,
every other command reports them through the system checks.
"""

import os
from pathlib import Path
from typing import Any

from environs import Env

from site_config import environment, logs, mailers

BASE_DIR = Path(__file__).resolve().parent.parent
# Ignored by git: the development database and inbox.
VAR_DIR = Path(os.environ.get("VAR_DIR", BASE_DIR / "var"))

env = Env(eager=False)  # not eager: all faulty variables are reported together
env_file_faults = environment.read_file(env, BASE_DIR / ".env")

# -- Essentials -----------------------------------------------------------------------------------

SITE_NAME = "Mailroom"
DEBUG = env.bool("DEBUG", False)
PUBLIC_URL = env.str("PUBLIC_URL", "http://127.0.0.1:8000" if DEBUG else "").rstrip("/")
_public = environment.split_url(PUBLIC_URL)
# Links start with the path of PUBLIC_URL. "" instead of None, so that no request header can set it.
FORCE_SCRIPT_NAME = _public.path
SECRET_KEY = env.str("SECRET_KEY", "") or environment.PLACEHOLDER_KEY
SECRET_KEY_FALLBACKS = environment.items(env, "SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = environment.hosts(env, _public.hostname, DEBUG)
ADMINS = environment.items(env, "ADMINS")
MANAGERS = ADMINS
ERROR_EMAIL_STATE = VAR_DIR / "error-emails.json"  # the recent error emails of all processes
CSRF_TRUSTED_ORIGINS = [f"https://{_public.netloc}"] if _public.scheme == "https" else []

INSTALLED_APPS = [
    "home",
    "accounts",
    "newsletters",
    "notifications",
    "mailroom",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "anymail",
    "django_ox",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    *(["sandbox"] if DEBUG else []),
]

MIDDLEWARE = [
    "site_config.middleware.PublicPathMiddleware",
    "site_config.middleware.HealthMiddleware",
    "site_config.middleware.EqualTimeMiddleware",
    "site_config.logs.RequestIdMiddleware",
    "accounts.middleware.SecretPathsMiddleware",
    "site_config.middleware.NulMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "site_config.middleware.PolicyHeadersMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "site_config.middleware.BrokenLinkEmailsMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "accounts.middleware.StaffTwoFactorMiddleware",
    "accounts.middleware.LanguageMiddleware",
    "accounts.middleware.TimeZoneMiddleware",
    "accounts.known_devices.DeviceMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
]

ROOT_URLCONF = "site_config.urls"
WSGI_APPLICATION = "site_config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "home.context.site",
                "notifications.context.unread",
            ],
        },
    }
]

# -- Data -----------------------------------------------------------------------------------------

DATABASES = {"default": environment.database(env, DEBUG, VAR_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Shared by all processes, because rate limits apply to the whole site.
CACHES = {"default": environment.cache(env.str("CACHE_URL", ""))}

# -- Accounts and sign-in -------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "account_profile"
LOGOUT_REDIRECT_URL = "home"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]

ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "accounts.forms.LoginForm",
    "signup": "accounts.forms.SignupForm",
    "add_email": "accounts.forms.AddEmailForm",
    "change_email": "accounts.forms.ChangeEmailForm",
    "reset_password": "accounts.forms.ResetPasswordForm",
    "request_login_code": "accounts.forms.RequestLoginCodeForm",
}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
# Only in the browser that signed up: allauth checks that.
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # no email to addresses without an account
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
# In addition to allauth's limits: email that strangers can make this site send. Beyond the limit of
# an address they get the usual answer, but no email is sent; the owner has the earlier ones.
ACCOUNT_RATE_LIMITS = {
    "verification_visitor": "20/h/ip",
    "verification_address": "5/h/key,20/d/key",
    "reset_password": "20/m/ip",
    "reset_address": "5/h/key,20/d/key",
    "request_login_code": "20/m/ip,3/m/key,20/h/key",
    "newsletter_visitor": "20/h/ip",
    "newsletter_address": "5/h/key,20/d/key",
    "samples": "5/h/user",
}
# Response times must not reveal whether an address has an account or a subscription.
ANSWER_STEP_SECONDS = env.float(
    "ANSWER_STEP_SECONDS", 0 if DEBUG else 0.5, validate=environment.between(0, 10)
)
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300  # seconds; a sign-in counts, too
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_FORMS = {
    "authenticate": "accounts.forms.AuthenticateForm",
    "reauthenticate": "accounts.forms.ReauthenticateForm",
    "add_webauthn": "accounts.forms.AddWebAuthnForm",
    "authenticate_webauthn": "accounts.forms.AuthenticateWebAuthnForm",
    "login_webauthn": "accounts.forms.LoginWebAuthnForm",
    "reauthenticate_webauthn": "accounts.forms.ReauthenticateWebAuthnForm",
}
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = DEBUG
# Without this, people with two-factor authentication could not change their address.
MFA_ALLOW_UNVERIFIED_EMAIL = True
REQUIRE_TWO_FACTOR_FOR_STAFF = env.bool("REQUIRE_TWO_FACTOR_FOR_STAFF", False)
USERSESSIONS_TRACK_ACTIVITY = True
ALLAUTH_TRUSTED_PROXY_COUNT = env.int(
    "TRUSTED_PROXY_COUNT", 0, validate=environment.between(0, 100)
)

# -- Email: channels, routes, providers -----------------------------------------------------------

# Your own providers, such as `acme=shop.acme.Provider`: the scheme of their URLs, and a class.
MAILROOM_PROVIDERS = environment.pairs(env, "MAILROOM_PROVIDERS")
mail = mailers.MailVariables(env, debug=DEBUG, own_providers=MAILROOM_PROVIDERS)

MAILER_URL = mail.url("MAILER_URL", environment.add_on_url(env) or ("inbox:" if DEBUG else ""))
MAIL_FROM = mail.address("MAIL_FROM", mailers.default_from(_public.hostname))
MAIL_REPLY_TO = mail.address("MAIL_REPLY_TO")

MAILERS: dict[str, dict[str, Any]] = {
    # Channels: what the apps name. Each is an outbox in front of the provider or route that the URL
    # in "via" names. Options: messages per second ("rate") and a day ("daily_cap"), and From and
    # Reply-To of messages that have none.
    "default": {
        "BACKEND": "mailroom.backends.outbox.EmailBackend",
        "OPTIONS": {
            "via": MAILER_URL,
            "from_email": MAIL_FROM,
            "reply_to": MAIL_REPLY_TO,
            "daily_cap": mail.daily_cap("MAIL_DAILY_CAP"),
        },
    },
    "registration": {
        "BACKEND": "mailroom.backends.outbox.EmailBackend",
        "OPTIONS": {
            "via": mail.url("MAILER_URL_REGISTRATION", MAILER_URL),
            "from_email": mail.address("MAIL_FROM_REGISTRATION", MAIL_FROM),
            "reply_to": mail.address("MAIL_REPLY_TO_REGISTRATION", MAIL_REPLY_TO),
            "rate": mail.rate("MAIL_RATE_REGISTRATION"),
            "daily_cap": mail.daily_cap("MAIL_DAILY_CAP_REGISTRATION"),
        },
    },
    "password_reset": {
        "BACKEND": "mailroom.backends.outbox.EmailBackend",
        "OPTIONS": {
            "via": mail.url("MAILER_URL_PASSWORD_RESET", MAILER_URL),
            "from_email": mail.address("MAIL_FROM_PASSWORD_RESET", MAIL_FROM),
            "reply_to": mail.address("MAIL_REPLY_TO_PASSWORD_RESET", MAIL_REPLY_TO),
            "rate": mail.rate("MAIL_RATE_PASSWORD_RESET"),
            "daily_cap": mail.daily_cap("MAIL_DAILY_CAP_PASSWORD_RESET"),
        },
    },
    "notifications": {
        "BACKEND": "mailroom.backends.outbox.EmailBackend",
        "OPTIONS": {
            "via": mail.url("MAILER_URL_NOTIFICATIONS", MAILER_URL),
            "from_email": mail.address("MAIL_FROM_NOTIFICATIONS", MAIL_FROM),
            "reply_to": mail.address("MAIL_REPLY_TO_NOTIFICATIONS", MAIL_REPLY_TO),
            "rate": mail.rate("MAIL_RATE_NOTIFICATIONS"),
            "daily_cap": mail.daily_cap("MAIL_DAILY_CAP_NOTIFICATIONS"),
        },
    },
    "newsletters": {
        "BACKEND": "mailroom.backends.outbox.EmailBackend",
        "OPTIONS": {
            "via": mail.url("MAILER_URL_NEWSLETTERS", MAILER_URL),
            "from_email": mail.address("MAIL_FROM_NEWSLETTERS", MAIL_FROM),
            "reply_to": mail.address("MAIL_REPLY_TO_NEWSLETTERS", MAIL_REPLY_TO),
            "rate": mail.rate("MAIL_RATE_NEWSLETTERS"),
            "daily_cap": mail.daily_cap("MAIL_DAILY_CAP_NEWSLETTERS"),
        },
    },
    # Error emails to ADMINS: sent directly by a provider, not through the outbox; never raises.
    "ops": {
        "BACKEND": "mailroom.backends.admins.EmailBackend",
        "OPTIONS": {"via": mail.url("MAILER_URL_OPS", MAILER_URL)},
    },
}
MAILERS |= mail.providers(MAILERS)  # the providers and routes that the URLs above name

MAILER_URLS = mail.tree.urls  # alias -> provider URL with its secrets masked
MAILER_SENDERS = mail.tree.senders  # alias -> the only From it accepts, if its URL has one
MAILER_COSTS = mail.tree.costs  # alias -> the price of a message, if its URL has ?cost=0.40/1000
MESSAGE_TYPES = mailers.MESSAGE_TYPES  # type of message -> its channel
# Special-use domains (RFC 6761) that forms accept: intranets use .local, tests use .test.
MAIL_SPECIAL_USE_DOMAINS = environment.items(env, "MAIL_SPECIAL_USE_DOMAINS", "local,test")
# Mail accounts, kept in the database: keys made by `manage.py mail_accounts --new-key`. The first
# encrypts their credentials, all decrypt.
MAIL_ACCOUNT_KEYS = environment.items(env, "MAIL_ACCOUNT_KEYS")
MAILROOM_ROUTERS = environment.items(env, "MAILROOM_ROUTERS")  # classes, by dotted path
MAILROOM_DOMAIN_ROUTES = environment.pairs(env, "MAILROOM_DOMAIN_ROUTES")
# Development only: loopback hosts that accounts may use, and kinds whose API the sandbox simulates.
MAIL_ACCOUNT_LOOPBACK_HOSTS = environment.items(env, "MAIL_ACCOUNT_LOOPBACK_HOSTS")
MAIL_ACCOUNT_API_URLS = environment.pairs(env, "MAIL_ACCOUNT_API_URLS")
STAGING_MAIL = mail.addresses("STAGING_MAIL")  # on a staging copy, the only recipients
DEFAULT_FROM_EMAIL = SERVER_EMAIL = MAIL_FROM
EMAIL_SUBJECT_PREFIX = f"[{SITE_NAME}] "
DKIM_SELECTORS = environment.items(env, "DKIM_SELECTORS")  # for the doctor to look up
FEEDBACK_SENDER = "mailroom"  # the last part of Feedback-ID: 5 to 15 characters
MAIL_BOUNCE_ADDRESS = env.str("MAIL_BOUNCE_ADDRESS", "")  # for bounces of email sent over SMTP
MAIL_BOUNCE_URL = env.str("MAIL_BOUNCE_URL", "")  # where they are read: imaps://user:pw@host
UNSUBSCRIBE_MAILBOX = env.str("MAIL_UNSUBSCRIBE", "")
MAIL_UNSUBSCRIBE_URL = env.str("MAIL_UNSUBSCRIBE_URL", "")
# While one is being changed, both, separated by a comma.
WEBHOOK_SECRETS = environment.webhook_secrets(
    env, [SECRET_KEY, *SECRET_KEY_FALLBACKS], environment.is_by_add_on(env)
)
WEBHOOK_KEYS = environment.webhook_keys(env)
METRICS_TOKEN = env.str("METRICS_TOKEN", "")  # turns /metrics on
MAIL_LEASE_SECONDS = env.int("MAIL_LEASE_SECONDS", 60, validate=environment.between(1, 86_400))
MAIL_RETRY_SECONDS = env.float("MAIL_RETRY_SECONDS", 30, validate=environment.seconds)
MAIL_BREAKER_SECONDS = env.float("MAIL_BREAKER_SECONDS", 30, validate=environment.seconds)
MAIL_RETENTION_DAYS = env.int("MAIL_RETENTION_DAYS", 90, validate=environment.days)
NOTIFICATION_RETENTION_DAYS = env.int(
    "NOTIFICATION_RETENTION_DAYS", 180, validate=environment.days
)  # after they were read
PUBLISH_GRACE_SECONDS = env.int(
    "PUBLISH_GRACE_SECONDS", 60, validate=environment.seconds
)  # to undo "publish now"
# When an issue pauses automatically. Gmail and Yahoo ask for less than 0.3 % complaints, and
# providers suspend accounts at 5 to 10 % hard bounces. A few of either are normal.
ISSUE_STOP_COMPLAINTS = env.float("ISSUE_STOP_COMPLAINTS", 0.003, validate=environment.fraction)
ISSUE_STOP_BOUNCES = env.float("ISSUE_STOP_BOUNCES", 0.05, validate=environment.fraction)
ISSUE_STOP_MINIMUM = env.int("ISSUE_STOP_MINIMUM", 5, validate=environment.count)
ISSUE_STOP_FAILURES = env.int("ISSUE_STOP_FAILURES", 25, validate=environment.count)  # in a row
# What the provider records about readers: "opens", "clicks". Nothing by default; emails say so.
NEWSLETTER_TRACKING = environment.items(env, "NEWSLETTER_TRACKING")
INBOX_FILE = VAR_DIR / "inbox.sqlite3"  # what /inbox/ shows in development

# -- Work outside the request ---------------------------------------------------------------------

TASKS_URL = env.str("TASKS_URL", "")  # a broker for Celery; without it, the database
TASKS = environment.tasks(TASKS_URL)
WORKER_IN_WEB = env.bool("WORKER_IN_WEB", False)  # gunicorn runs the worker too: one_process.py

# -- Languages ------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("fr", "Français"), ("pa", "ਪੰਜਾਬੀ")]
LOCALE_PATHS = [
    BASE_DIR / "locale",
    BASE_DIR / "site_config" / "library_texts",  # texts of Django and allauth on our pages
]
FORMAT_MODULE_PATH = "site_config.formats"  # dates and times, such as 27 Nov 2026, 21:05
TIME_ZONE = "UTC"
USE_TZ = True

# -- Static files: hashed and compressed by WhiteNoise --------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "pictures": environment.picture_storage(env),
    "staticfiles": {"BACKEND": environment.static_storage(DEBUG)},
}

# -- Security -------------------------------------------------------------------------------------

_https = _public.scheme == "https"
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = LANGUAGE_COOKIE_PATH = f"{_public.path}/"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = _https
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _https else None
SECURE_CSP = environment.CONTENT_SECURITY_POLICY
X_FRAME_OPTIONS = "SAMEORIGIN"  # our pages show email previews in frames

SILENCED_SYSTEM_CHECKS = environment.SILENCED

# -- Logs -----------------------------------------------------------------------------------------

LOGGING = logs.logging_config(DEBUG)
DEFAULT_EXCEPTION_REPORTER = "site_config.logs.ExceptionReporter"

CONFIGURATION_FAULTS = env_file_faults + environment.faults(
    env, debug=DEBUG, hosts=ALLOWED_HOSTS, secret_key=SECRET_KEY, mail=mail.faults
)
