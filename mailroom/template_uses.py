"""What a template does with its variables: put them out as they are, or more."""

from collections.abc import Iterator
from typing import Any

from django.template.base import (
    FilterExpression,
    Lexer,
    Node,
    NodeList,
    Template,
    TokenType,
    Variable,
    VariableNode,
)
from django.template.loader import get_template
from django.template.loader_tags import ExtendsNode, IncludeNode
from django.templatetags.i18n import BlockTranslateNode

DEEP = 8  # conditions in conditions


def misused(template_name: str, names: set[str]) -> set[str]:
    """Which of the variables the template, its parents or what it includes do more with.

    More is: a filter, an attribute of it, or a tag that looks at it. Raises TemplateDoesNotExist.
    """
    return _in_template(template_name, names, seen=set())


def _in_template(name: str, names: set[str], seen: set[str]) -> set[str]:
    if name in seen:
        return set()
    seen.add(name)
    template: Template = get_template(name).template  # type: ignore[attr-defined]
    found: set[str] = set()
    for node in _nodes(template.nodelist):
        found |= _in_node(node) & names
        for other in _named_templates(node):
            found |= _in_template(other, names, seen)
    return found


def _nodes(nodes: Any) -> Iterator[Node]:
    for node in nodes:
        yield node
        for attribute in vars(node).values():
            if isinstance(attribute, NodeList):
                yield from _nodes(attribute)


def _named_templates(node: Node) -> list[str]:
    """Parents and includes that are named by a constant, as ours are."""
    if isinstance(node, ExtendsNode):
        expression = node.parent_name
    elif isinstance(node, IncludeNode):
        expression = node.template
    else:
        return []
    named = expression.var if isinstance(expression, FilterExpression) else expression
    return [str(named)] if not isinstance(named, Variable) else []


def _in_node(node: Node) -> set[str]:
    """The variables that a node does more with than put them out."""
    if isinstance(node, VariableNode):
        return _in_output(node.filter_expression)
    looked_at = set(_variables(vars(node)))
    if isinstance(node, BlockTranslateNode):
        for token in [*node.singular, *(node.plural or [])]:
            if token.token_type == TokenType.VAR and "|" in token.contents:
                looked_at.add(token.contents.partition("|")[0].strip())
    return looked_at


def _in_output(expression: FilterExpression) -> set[str]:
    """{{ name }} is as it should be; a filter, or an attribute, is more."""
    is_plain = not expression.filters and str(expression).isidentifier()
    return set() if is_plain else set(_variables(expression))


def _variables(value: Any, depth: int = 0) -> Iterator[str]:
    """The first names of all variables in whatever a node holds, its inner nodes left out."""
    if isinstance(value, Variable):
        if value.lookups:
            yield value.lookups[0]
    elif isinstance(value, dict):
        for item in value.values():
            yield from _variables(item, depth + 1)
    elif isinstance(value, list | tuple) and not isinstance(value, NodeList):
        for item in value:
            yield from _variables(item, depth + 1)
    elif depth < DEEP and _holds_expressions(value):
        yield from _variables(_attributes(value), depth + 1)


def _holds_expressions(value: Any) -> bool:
    """Django's own helpers, such as the conditions of {% if %}; not a node or a parser."""
    is_django = type(value).__module__.startswith("django.template")
    return is_django and not isinstance(value, Node | NodeList | Lexer | type)


def _attributes(value: Any) -> list[Any]:
    slots = [getattr(value, name, None) for name in getattr(type(value), "__slots__", ())]
    return [*slots, *getattr(value, "__dict__", {}).values()]
