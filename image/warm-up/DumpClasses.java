import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import javax.management.ObjectName;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * A job that has the JVMs of the JobManager and of a TaskManager each write an archive of its classes into the directory
 * that is its argument.
 *
 * <p>Asked for from inside, the archive may take its time; one written when the JVM ends is cut off by the five seconds
 * that Flink gives its shutdown hooks.
 */
public final class DumpClasses {

    public static void main(String[] args) throws Exception {
        // The main method of a job runs in the JobManager, its functions run in TaskManagers.
        dump(args[0] + "/jobmanager.jsa");
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.getExecutionEnvironment();
        environment.fromSequence(0, 0).map(new Dump(args[0] + "/taskmanager.jsa")).print();
        environment.execute("DumpClasses");
    }

    /** A JVM does it once, and stands still meanwhile: so long that Flink may take it for dead and begin the job again. */
    private static String dump(String path) throws Exception {
        // One for the whole JVM, whose jobs have class loaders of their own.
        synchronized (ManagementFactory.class) {
            if (Files.exists(Path.of(path))) {
                return "it is there already";
            }
            list(path + ".files");
            Object answer = ManagementFactory.getPlatformMBeanServer()
                    .invoke(
                            new ObjectName("com.sun.management:type=DiagnosticCommand"),
                            "vmCds",
                            new Object[] {new String[] {"dynamic_dump", path}},
                            new String[] {String[].class.getName()});
            return String.valueOf(answer);
        }
    }

    /** What the archive depends on, so that it can be told whether it fits: size, modification time and path a line. */
    private static void list(String path) throws Exception {
        StringBuilder lines = new StringBuilder();
        String modules = System.getProperty("java.home") + "/lib/modules";
        for (String file : (modules + ":" + System.getProperty("java.class.path")).split(":")) {
            long seconds = Files.getLastModifiedTime(Path.of(file)).to(TimeUnit.SECONDS);
            lines.append(Files.size(Path.of(file))).append(' ').append(seconds).append(' ').append(file).append('\n');
        }
        Files.writeString(Path.of(path), lines);
    }

    private static final class Dump implements MapFunction<Long, String> {

        private static final long serialVersionUID = 1L;

        private final String path;

        Dump(String path) {
            this.path = path;
        }

        @Override
        public String map(Long number) throws Exception {
            return dump(path);
        }
    }
}
