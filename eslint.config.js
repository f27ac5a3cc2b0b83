// Lint rules: typed ones for TypeScript; AssemblyScript is another language and has tidy instead.
import eslint from "@eslint/js";
import tseslint from "typescript-eslint";

// node:test returns promises that the runner itself awaits.
const nodeTest = { from: "package", package: "node:test" };
const testFunctions = ["test", "it", "describe", "suite", "before", "after"];

export default tseslint.config(
  {
    ignores: [
      ...["node_modules/", "build/", ".venv/", "filter/", "tests/unit/", "tests/faults/fixtures/"],
      "as-pect.config.js",
    ],
  },
  eslint.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: { project: "./tsconfig.json", tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      // A promise nobody waits for turns an error into an unhandled rejection, far from its cause.
      "@typescript-eslint/no-floating-promises": [
        "error",
        { allowForKnownSafeCalls: [{ ...nodeTest, name: testFunctions }] },
      ],
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      // Numbers are what most messages here are made of.
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true, allowNullish: true },
      ],
      // An interface may ask for a promise that one implementation does not need.
      "@typescript-eslint/require-await": "off",
    },
  },
  {
    rules: {
      eqeqeq: "error",
      "no-console": "off",
      "no-var": "error",
      "prefer-const": "error",
      "no-promise-executor-return": "off",
    },
  },
  {
    files: ["**/*.js"],
    languageOptions: { globals: { process: "readonly", console: "readonly" } },
  },
);
