"""The help desk as one ASGI application: what answers, and through which layers every request goes.

request -> Frame (id, safety headers) -> Gate (Host, Origin) -> BodyLimit -> route (role, answer or problem)
"""

from fastapi import APIRouter, FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.middleware import Middleware
from starlette.staticfiles import StaticFiles

from helpdesk_api import problem
from helpdesk_api.body_limit import BodyLimit
from helpdesk_api.desk import Desk
from helpdesk_api.frame import Frame
from helpdesk_api.gate import Gate
from helpdesk_api.pages import FOLDER
from helpdesk_api.routes import (
    agents,
    delivery,
    dependencies,
    diagnose,
    evidence,
    groups,
    health,
    incident_acts,
    incident_forms,
    incident_pages,
    incidents,
    keys,
    metrics,
    mute_pages,
    mutes,
    notices,
    pages,
    poll,
    problems,
    prometheus,
    punctuality,
    quarantine,
    record_pages,
    reference,
    replay,
    retire,
)

ROUTERS: tuple[APIRouter, ...] = (
    health.router,
    agents.router,
    metrics.router,
    poll.router,
    punctuality.router,
    groups.router,
    incidents.router,
    incident_acts.router,
    evidence.router,
    mutes.router,
    dependencies.router,
    notices.router,
    delivery.router,
    prometheus.router,
    quarantine.router,
    diagnose.router,
    replay.router,
    retire.router,
    problems.router,
    keys.router,
    reference.router,
    pages.router,
    incident_pages.router,
    mute_pages.router,
    record_pages.router,
    incident_forms.router,
)
NO_TELEMETRY = TelemetryConfig(tracing=False, metrics=False, logs=False, operation_spans=False, auto_configure=False)


def create_app(desk: Desk) -> FastAPI:
    app = FastAPI(
        title="healthmon",
        openapi_url=None,  # ours asks for a role
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=NO_TELEMETRY,
        middleware=[Middleware(Frame), Middleware(Gate, settings=desk.settings), Middleware(BodyLimit)],
    )
    app.state.desk = desk
    problem.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=FOLDER / "static"))
    return app
