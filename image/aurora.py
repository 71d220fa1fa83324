# The AppMaster as an Aurora service: `aurora job create CLUSTER/ROLE/prod/flink image/aurora.py`.

appmaster = Process(
    name="appmaster",
    cmdline=" ".join([
        "HOST={{mesos.hostname}}",
        "PORT_REST={{thermos.ports[rest]}}",
        # TaskManagers of the instance before look for these.
        "PORT_RPC=6123",
        "PORT_BLOB=6124",
        "PORT_STATUS={{thermos.ports[health]}}",
        "_CLIENT_TM_COUNT=2 _CLIENT_TM_MEMORY=1728 _SLOTS=2",
        "FLINK_CONF_DIR=/etc/flink/conf",
        "exec flink-on-mesos appmaster -D mesos.state-dir=/var/lib/flink-on-mesos",
    ]),
)

task = Task(
    name="flink",
    processes=[appmaster],
    resources=Resources(cpu=1.0, ram=2 * GB, disk=1 * GB),
    # Time for JobManager and AppMaster to end.
    finalization_wait=15,
)

jobs = [
    Service(
        cluster="devcluster",
        role="flink",
        environment="prod",
        name="flink",
        task=task,
        # Where the state lies, and where TaskManagers look for the JobManager.
        constraints={"host": "agent1.example.org"},
        # Asked for on the port named `health`.
        health_check_config=HealthCheckConfig(
            health_checker=HealthCheckerConfig(
                http=HttpHealthChecker(endpoint="/healthz", expected_response="ok", expected_response_code=200),
            ),
            initial_interval_secs=60,
            interval_secs=10,
            timeout_secs=6,
            max_consecutive_failures=6,
        ),
    ),
]
