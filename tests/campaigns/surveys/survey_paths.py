"""Where tests answer surveys."""

from uuid import UUID

from crm.campaigns.surveys import links


def path(survey_id: UUID) -> str:
    """The address of a survey's page on this server."""
    return f"/s/{links.token(survey_id)}"
