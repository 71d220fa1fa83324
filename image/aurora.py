# The AppMaster as an Aurora service: `aurora job create CLUSTER/ROLE/prod/flink image/aurora.py`.

appmaster = Process(
    name="appmaster",
    cmdline=" ".join([
        "HOST={{mesos.hostname}}",
        "PORT_REST={{thermos.ports[rest]}}",
        "PORT_RPC={{thermos.ports[rpc]}}",
        "PORT_BLOB={{thermos.ports[blob]}}",
        "PORT_ARTIFACT={{thermos.ports[artifact]}}",
        "PORT_STATUS={{thermos.ports[health]}}",
        "_CLIENT_TM_COUNT=2 _CLIENT_TM_MEMORY=1728 _SLOTS=2",
        "FLINK_CONF_DIR=/etc/flink/conf",
        "exec flink-on-mesos appmaster",
    ]),
)

task = Task(
    name="flink",
    processes=[appmaster],
    resources=Resources(cpu=1.0, ram=2 * GB, disk=1 * GB),
    # Time to tear the framework down.
    finalization_wait=15,
)

jobs = [
    Service(
        cluster="devcluster",
        role="flink",
        environment="prod",
        name="flink",
        task=task,
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
