package flinkonmesos;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.fs.Path;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.StatementSet;
import org.apache.flink.table.api.TableEnvironment;

/** Runs a SQL script as a job: {@code --scriptUri URI} or {@code --script TEXT}, as Flink's own SqlDriver of 2.x has them. */
public final class SqlRunner {
    private static final Pattern SET = Pattern.compile("SET\\s+'?([^'=\\s]+)'?\\s*=\\s*(?:'(.*)'|(\\S+))", Pattern.CASE_INSENSITIVE | Pattern.DOTALL);
    private static final Pattern RESET = Pattern.compile("RESET\\s+'?([^'\\s]+)'?", Pattern.CASE_INSENSITIVE);
    private static final Pattern BEGIN = Pattern.compile("BEGIN\\s+STATEMENT\\s+SET\\s*;", Pattern.CASE_INSENSITIVE);
    private static final Pattern END = Pattern.compile(";\\s*END$", Pattern.CASE_INSENSITIVE);

    private static final int TOLD_WORDS = 4;

    private SqlRunner() {}

    public static void main(String[] args) throws Exception {
        List<String> statements = SqlScript.statements(script(args));
        Configuration settings = new Configuration();
        int first = 0;
        // The planner is chosen once, by what is set before anything else.
        for (; first < statements.size(); first++) {
            Matcher set = SET.matcher(statements.get(first));
            if (!set.matches()) {
                break;
            }
            settings.setString(set.group(1), value(set));
        }
        TableEnvironment environment =
                TableEnvironment.create(EnvironmentSettings.newInstance().withConfiguration(settings).build());
        for (String statement : statements.subList(first, statements.size())) {
            System.out.println(told(statement));
            try {
                execute(environment, statement);
            } catch (Exception error) {
                // Of several causes people are told the last one.
                error.printStackTrace();
                throw new IllegalStateException("failed to execute " + told(statement) + ": " + lastCause(error).getMessage());
            }
        }
    }

    private static void execute(TableEnvironment environment, String statement) {
        Matcher set = SET.matcher(statement);
        Matcher reset = RESET.matcher(statement);
        Matcher begin = BEGIN.matcher(statement);
        if (set.matches()) {
            environment.getConfig().set(set.group(1), value(set));
        } else if (reset.matches()) {
            environment.getConfig().getConfiguration().removeConfig(
                    ConfigOptions.key(reset.group(1)).stringType().noDefaultValue());
        } else if (begin.lookingAt()) {
            StatementSet together = environment.createStatementSet();
            String inner = END.matcher(statement.substring(begin.end())).replaceFirst("");
            SqlScript.statements(inner).forEach(together::addInsertSql);
            together.execute();
        } else if (isJob(statement)) {
            environment.executeSql(statement);
        } else {
            environment.executeSql(statement).print();
        }
    }

    /** What goes on by itself, and has no rows to show. */
    private static boolean isJob(String statement) {
        String word = statement.split("[\\s(]", 2)[0].toUpperCase(Locale.ROOT);
        return word.equals("INSERT") || word.equals("EXECUTE") || word.equals("UPDATE") || word.equals("DELETE");
    }

    private static Throwable lastCause(Throwable error) {
        return error.getCause() == null ? error : lastCause(error.getCause());
    }

    /** What follows may hold passwords. */
    private static String told(String statement) {
        String[] words = statement.split("[\\s(]+", TOLD_WORDS + 1);
        return Arrays.stream(words).limit(TOLD_WORDS).collect(Collectors.joining(" ")) + (words.length > TOLD_WORDS ? " ..." : "");
    }

    private static String value(Matcher set) {
        return set.group(2) != null ? set.group(2).replace("''", "'") : set.group(3);
    }

    private static String script(String[] args) throws IOException {
        if (args.length == 2 && args[0].equals("--script")) {
            return args[1];
        }
        if (args.length != 2 || !args[0].equals("--scriptUri")) {
            throw new IllegalArgumentException("expected --scriptUri URI or --script TEXT");
        }
        Path path = new Path(args[1]);
        try (BufferedReader lines = new BufferedReader(
                new InputStreamReader(path.getFileSystem().open(path), StandardCharsets.UTF_8))) {
            return lines.lines().collect(Collectors.joining("\n"));
        }
    }
}
