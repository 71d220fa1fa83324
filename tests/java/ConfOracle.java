import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Map;
import java.util.TreeMap;
import org.apache.flink.configuration.GlobalConfiguration;

/**
 * Answers with what Flink's own loader reads from a configuration file. One question a line: the file's name and its bytes in
 * base64, tab separated. One answer a line: "ok", then key and value in turn, each in base64; or "error" and the exception.
 */
public final class ConfOracle {
    public static void main(String[] args) throws Exception {
        PrintStream answers = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        // Flink's log goes to what System.out is when its first class is loaded.
        System.setOut(System.err);
        Path directory = Path.of(args[0]);
        BufferedReader questions = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = questions.readLine(); line != null; line = questions.readLine()) {
            String[] fields = line.split("\t", -1);
            File file = directory.resolve(fields[0]).toFile();
            Files.write(file.toPath(), Base64.getDecoder().decode(fields[1]));
            answers.println(answer(directory));
            Files.delete(file.toPath());
        }
        answers.flush();
    }

    private static String answer(Path directory) {
        try {
            Map<String, String> values = new TreeMap<>(GlobalConfiguration.loadConfiguration(directory.toString()).toMap());
            StringBuilder answer = new StringBuilder("ok");
            for (Map.Entry<String, String> entry : values.entrySet()) {
                answer.append('\t').append(encoded(entry.getKey())).append('\t').append(encoded(entry.getValue()));
            }
            return answer.toString();
        } catch (Throwable failure) {
            return "error\t" + encoded(failure.toString());
        }
    }

    private static String encoded(String text) {
        return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }
}
