"""Rendering single blocks of a template that extends another: Django renders all or nothing."""

from typing import Any

from django.template import Context
from django.template.base import Template
from django.template.loader import get_template
from django.template.loader_tags import BLOCK_CONTEXT_KEY, BlockContext, BlockNode, ExtendsNode


class BlockRenderer:
    """Renders the blocks of one e-mail template, inheritance resolved.

    template_name: as for get_template; raises TemplateDoesNotExist.
    context: plain values for the template.
    """

    def __init__(self, template_name: str, context: dict[str, Any]) -> None:
        self.template: Template = get_template(template_name).template  # type: ignore[attr-defined]
        self.context = context

    def block(self, *names: str, autoescape: bool = True) -> str:
        """Render the first of the named blocks that exists, stripped; "" where there is none."""
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
