"""The whole stack without Docker, in one terminal.

Start: epmd, broker, accounts and topology, tables, help desk, processor, agent. Stop: the reverse, so that the
agent's goodbye still finds the broker. What dies in between starts again; what is kept lies under `var/`.
"""

from deploy.local import services
from deploy.local.install import require_rabbitmq
from deploy.local.lock import stack_lock
from deploy.local.output import Output
from deploy.local.settings import LocalSettings, require_free_ports
from deploy.local.supervisor import StopRequested, Supervisor


def up(settings: LocalSettings, output: Output) -> None:
    """Run until a signal. Raises AlreadyRunning, BadSettings, NotInstalled before anything starts; StartFailed."""
    settings.var.mkdir(mode=0o700, exist_ok=True)
    with stack_lock(settings.var):
        require_free_ports(settings)
        supervisor = Supervisor(output)
        supervisor.listen_to_signals()
        require_rabbitmq(output.say)
        try:
            start(supervisor, settings, output)
            output.say(welcome(settings))
            supervisor.tend_until_stopped()
        except StopRequested:
            output.say("stopping")
        finally:
            supervisor.stop()
            output.say("stopped; what was kept is in " + str(settings.var))


def start(supervisor: Supervisor, settings: LocalSettings, output: Output) -> None:
    supervisor.run(services.one_shot("preflight", settings, "deploy.preflight"))
    output.say("starting the broker (some seconds)")
    settings.broker.prepare()
    supervisor.start(services.epmd(settings))
    supervisor.start(services.rabbitmq(settings))
    supervisor.run(services.one_shot("setup", settings, "rabbitmq", "setup"))
    supervisor.run(services.one_shot("migrate", settings, "processor", "migrate"))
    supervisor.start(services.helpdesk(settings))
    supervisor.start(services.processor(settings))
    supervisor.start(services.agent(settings))


def welcome(settings: LocalSettings) -> str:
    """What to open and what to type now."""
    page = f"http://{services.helpdesk_host(settings)}:{settings.port}"
    url = "" if page == "http://127.0.0.1:8000" else f"HEALTHMON_URL={page} "
    password = "in .env" if settings.environment.get("HEALTHMON_RABBITMQ_ADMIN_PASSWORD") else "guest"
    own_password = settings.environment.get("HEALTHMON_AGENT_PASSWORD")
    secret = "HEALTHMON_AGENT_PASSWORD=<that of .env> " if own_password else ""
    broker = f"HEALTHMON_RABBITMQ_PORT={settings.ports['HEALTHMON_AMQP_PORT']} {secret}"
    return "\n".join(
        [
            "healthmon is up",
            f"  page      {page}",
            f"  API       {page}/docs",
            f"  RabbitMQ  http://127.0.0.1:{settings.ports['HEALTHMON_MANAGEMENT_PORT']} (guest, password {password})",
            f"  terminal  {url}.venv/bin/healthmon status",
            f"  agent     HEALTHMON_STATE_DIR={settings.var / 'agent'} .venv/bin/healthmon-agent status",
            f"  simulate  {broker}.venv/bin/healthmon simulate --agents 200",
            "  try it    make demo",
            "  stop      Ctrl-C here, or make down",
        ]
    )
