"""Use of one block in two places: `{% load blocks %}`."""

from django import template
from django.template import Context
from django.template.loader_tags import BLOCK_CONTEXT_KEY
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag(takes_context=True)
def repeat_block(context: Context, name: str) -> SafeString:
    """Render the block `name` once more; Django lets a template name each block only once.

    Escaping follows the place it is repeated in. A name that no template defines raises KeyError.
    """
    blocks = context.render_context.get(BLOCK_CONTEXT_KEY)
    block = blocks.get_block(name) if blocks else None
    if block is None:
        raise KeyError(f"There is no block {name!r} to repeat.")
    return block.render(context)
