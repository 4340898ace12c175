"""What every table of the file has in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Port = Annotated[int, Field(ge=1, le=65535)]


class Section(BaseModel):
    """A table of the file: no unknown keys, no silent conversions of the wrong kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)
