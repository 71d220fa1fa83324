import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.util.bash.BashJavaUtils;

/**
 * Answers with what Flink's own scripts would get. One question a line: "JM" or "TM", then key=value fields, tab separated;
 * a field that starts with "$" is an environment variable. One answer a line: "ok", JVM arguments, dynamic properties; or
 * "error" and the messages of the causes.
 */
public final class MemoryOracle {
    public static void main(String[] args) throws Exception {
        PrintStream answers = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        // Flink's log goes to what System.out is when its first class is loaded.
        System.setOut(System.err);
        Map<String, String> environment = replaceEnvironment();
        BufferedReader questions = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = questions.readLine(); line != null; line = questions.readLine()) {
            String[] fields = line.split("\t");
            Configuration configuration = new Configuration();
            environment.clear();
            for (int i = 1; i < fields.length; i++) {
                int equals = fields[i].indexOf('=');
                String key = fields[i].substring(0, equals);
                String value = fields[i].substring(equals + 1);
                if (key.startsWith("$")) {
                    environment.put(key.substring(1), value);
                } else {
                    configuration.setString(key, value);
                }
            }
            answers.println(answer(fields[0], configuration));
        }
        answers.flush();
    }

    private static String answer(String command, Configuration configuration) throws Exception {
        String name = command.equals("JM") ? "getJmResourceParams" : "getTmResourceParams";
        Method method = BashJavaUtils.class.getDeclaredMethod(name, Configuration.class);
        method.setAccessible(true);
        try {
            List<?> lines = (List<?>) method.invoke(null, configuration);
            return "ok\t" + lines.get(0) + "\t" + lines.get(1);
        } catch (InvocationTargetException failure) {
            StringBuilder messages = new StringBuilder("error\t");
            for (Throwable cause = failure.getCause(); cause != null; cause = cause.getCause()) {
                messages.append(cause.toString().replace('\n', ' ').replace('\t', ' ')).append(" | ");
            }
            return messages.toString();
        }
    }

    /** The map behind System.getenv(name), replaced by one that can be changed. */
    @SuppressWarnings("unchecked")
    private static Map<String, String> replaceEnvironment() throws Exception {
        Map<String, String> replacement = new HashMap<>();
        Field wrapper = Class.forName("java.lang.ProcessEnvironment").getDeclaredField("theUnmodifiableEnvironment");
        wrapper.setAccessible(true);
        Map<String, String> unmodifiable = (Map<String, String>) wrapper.get(null);
        Field inner = Collections.unmodifiableMap(replacement).getClass().getDeclaredField("m");
        inner.setAccessible(true);
        inner.set(unmodifiable, replacement);
        return replacement;
    }
}
