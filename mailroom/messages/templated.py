"""An email from a template: the blocks `subject`, `text_body` and `html_body`, in one language."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import css_inline
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template import Context
from django.template.base import Template
from django.template.loader import get_template
from django.template.loader_tags import BLOCK_CONTEXT_KEY, BlockContext, BlockNode, ExtendsNode
from django.utils import translation
from templated_mail.mail import BaseEmailMessage

from mailroom.message_types import message_type, template_name

if TYPE_CHECKING:
    from mailroom.models import MailAccount


class TemplatedMessage(BaseEmailMessage):
    """An email of one type, rendered from `emails/<app>/<name>.html`.

    type: `app.name`, with an entry in settings.MESSAGE_TYPES, which names the channel.
    to: addresses; empty only if the deliveries are added later.
    context: values for the template, which also gets site_name, public_url and language.
    language: a language code; None for the active language.
    owner: a label by which routers may choose a mail account.
    headers: in addition to those of the type.

    Raises LookupError for a type without an entry. The outbox sets From to the channel's.
    """

    def __init__(
        self,
        type: str,
        *,
        to: list[str],
        context: Mapping[str, Any] | None = None,
        language: str | None = None,
        owner: str = "",
        headers: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        row = message_type(type)
        super().__init__(
            context=dict(context or {}),
            template_name=template_name(type),
            to=to,
            headers={
                "Feedback-ID": feedback_id(type),
                **({"List-Id": list_id(type)} if row.bulk else {}),
                **row.headers,
                **(headers or {}),
            },
            **kwargs,
        )
        self.type = type
        self.channel = row.channel
        self.owner = owner
        self.account: MailAccount | None = None
        self.route = ""  # set if it is sent to a provider directly
        self.language = language or translation.get_language() or settings.LANGUAGE_CODE
        self._is_rendered = False

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The template's values. Links use PUBLIC_URL, because a Host header can be forged."""
        return {
            "site_name": settings.SITE_NAME,
            "public_url": settings.PUBLIC_URL,
            "language": self.language,
            "LANGUAGE_CODE": self.language,
            **self.context,
            **kwargs,
        }

    def render(self) -> None:
        """Render subject, text and HTML in the message's language; a second call does nothing."""
        if self._is_rendered:
            return
        with translation.override(self.language):
            blocks = BlockRenderer(self.template_name, self.get_context_data())
            self.subject = " ".join(blocks.block("subject", autoescape=False).splitlines())
            self.body = blocks.block("text_layout", "text_body", autoescape=False)
            self.html = blocks.block("html_layout", "html_body")
        if self.html:
            self.html = _inliner().inline(self.html)
        self.attach_html()
        self._is_rendered = True

    def attach_html(self) -> None:
        """Make `html` the alternative to the text, or the body if there is no text."""
        if self.html and self.body:
            self.attach_alternative(self.html, "text/html")
        elif self.html:
            self.body, self.content_subtype = self.html, "html"

    def message(self, **kwargs: Any) -> Any:
        """The MIME message, as Django builds it; renders first if necessary."""
        self.render()
        return super().message(**kwargs)

    def send(self, *, using: str | None = None, account: "MailAccount | None" = None) -> int:
        """Render and send the message to its channel, or to the mailer `using`; the number sent.

        account: a mail account to use instead of the channel's own provider.
        """
        self.render()
        self.account = account or self.account
        return EmailMultiAlternatives.send(self, using=using or self.channel)


def list_id(label: str) -> str:
    """The header by which mail programs sort bulk email (RFC 2919 section 2)."""
    return f"<{label}.{urlsplit(settings.PUBLIC_URL).hostname or 'localhost'}>"


def feedback_id(type: str, campaign: str = "") -> str:
    """The header by which Gmail's Postmaster Tools distinguish streams of email.

    campaign: one mailing of the type, such as an issue. The last part is the same in all emails:
    the sender (https://support.google.com/a/answer/6254652).
    """
    row = message_type(type)
    stream = "bulk" if row.bulk else "transactional"
    return f"{campaign or type}:{row.channel}:{stream}:{settings.FEEDBACK_SENDER}"


@cache
def _inliner() -> css_inline.CSSInliner:
    """Inline the styles for mail programs that drop <style>; keep it for dark mode in others."""
    return css_inline.CSSInliner(keep_style_tags=True, load_remote_stylesheets=False)


# -- Rendering ---------------------------------------------------------------------------------


class BlockRenderer:
    """Renders the blocks of one email template, including those of its parents.

    template_name: as for get_template; raises TemplateDoesNotExist.
    context: plain values for the template.
    """

    def __init__(self, template_name: str, context: dict[str, Any]) -> None:
        self.template: Template = get_template(template_name).template  # type: ignore[attr-defined]
        self.context = context

    def block(self, *names: str, autoescape: bool = True) -> str:
        """Render the first of the named blocks that exists, stripped; "" if there is none."""
        context = Context(self.context, autoescape=autoescape)
        with context.bind_template(self.template), context.render_context.push_state(self.template):
            blocks = self._blocks(context)
            context.render_context[BLOCK_CONTEXT_KEY] = blocks
            for name in names:
                if blocks.blocks.get(name):
                    return str(blocks.get_block(name).render(context)).strip()
        return ""

    def _blocks(self, context: Context) -> BlockContext:
        """The blocks of the template and its parents, the child's own first."""
        blocks, template = BlockContext(), self.template
        while True:
            extends = next((n for n in template.nodelist if isinstance(n, ExtendsNode)), None)
            if extends is None:
                found = template.nodelist.get_nodes_by_type(BlockNode)
                blocks.add_blocks(
                    {node.name: node for node in found if isinstance(node, BlockNode)}
                )
                return blocks
            blocks.add_blocks(extends.blocks)
            template = extends.get_parent(context)
