package flinkonmesos;

import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.HighAvailabilityOptions;
import org.apache.flink.runtime.highavailability.ClientHighAvailabilityServices;
import org.apache.flink.runtime.highavailability.HighAvailabilityServices;
import org.apache.flink.runtime.highavailability.HighAvailabilityServicesFactory;
import org.apache.flink.runtime.leaderretrieval.LeaderRetrievalListener;
import org.apache.flink.runtime.leaderretrieval.LeaderRetrievalService;

/** Where the JobManager of a cluster is, as the dispatcher tells it. Flink's clients follow when it moves. */
public final class Session implements HighAvailabilityServicesFactory {
    private static final Duration LOOK_EVERY = Duration.ofSeconds(2);

    /** A configuration with which Flink's own client finds the JobManager. */
    static Configuration of(Configuration configuration) {
        Targets.cluster(configuration);
        Configuration found = new Configuration(configuration);
        found.set(HighAvailabilityOptions.HA_MODE, Session.class.getName());
        return found;
    }

    @Override
    public ClientHighAvailabilityServices createClientHAServices(Configuration configuration) throws Exception {
        Dispatcher dispatcher = new Dispatcher(configuration);
        String cluster = Targets.cluster(configuration);
        // A wrong name or address is said at once, not after Flink has waited for a leader.
        dispatcher.describe(cluster);
        return new ClientHighAvailabilityServices() {
            @Override
            public LeaderRetrievalService getClusterRestEndpointLeaderRetriever() {
                return new Retriever(dispatcher, cluster);
            }

            @Override
            public void close() {}
        };
    }

    @Override
    public HighAvailabilityServices createHAServices(Configuration configuration, Executor executor) {
        throw new UnsupportedOperationException(Session.class.getName() + " is for clients, not for JobManagers");
    }

    private static final class Retriever implements LeaderRetrievalService {
        private final Dispatcher dispatcher;
        private final String cluster;
        private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(task -> {
            Thread thread = new Thread(task, "flink-on-mesos-leader");
            thread.setDaemon(true);
            return thread;
        });
        private String known;

        Retriever(Dispatcher dispatcher, String cluster) {
            this.dispatcher = dispatcher;
            this.cluster = cluster;
        }

        @Override
        public void start(LeaderRetrievalListener listener) {
            long every = LOOK_EVERY.toMillis();
            timer.scheduleWithFixedDelay(() -> look(listener), 0, every, TimeUnit.MILLISECONDS);
        }

        private void look(LeaderRetrievalListener listener) {
            String url;
            try {
                url = dispatcher.jobManager(cluster);
            } catch (Dispatcher.Refused refused) {
                listener.handleError(refused);
                return;
            } catch (Exception unreachable) {
                // The JobManager goes on without the dispatcher, and so does who knows it.
                return;
            }
            if (url != null && !url.equals(known)) {
                known = url;
                listener.notifyLeaderAddress(url, UUID.randomUUID());
            }
        }

        @Override
        public void stop() {
            timer.shutdownNow();
        }
    }
}
