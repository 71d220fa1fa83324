package flinkonmesos;

import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.DeploymentOptions;

/** What {@code flink run -t} and {@code -D} take of this library. */
final class Targets {
    static final String SESSION = "mesos-session";
    static final String APPLICATION = "mesos-application";

    static final ConfigOption<String> CLUSTER_ID = ConfigOptions.key("mesos.cluster-id")
            .stringType()
            .noDefaultValue()
            .withDescription("The name of the cluster at the dispatcher.");

    private Targets() {}

    static boolean is(Configuration configuration, String target) {
        return target.equalsIgnoreCase(configuration.get(DeploymentOptions.TARGET));
    }

    /** Whatever asks a session for something says which. */
    static String cluster(Configuration configuration) {
        String name = configuration.get(CLUSTER_ID);
        if (name == null || name.isEmpty()) {
            throw new IllegalArgumentException(
                    "which session? -D" + CLUSTER_ID.key() + "=NAME says it; `flink-on-mesos get` lists the clusters");
        }
        return name;
    }
}
