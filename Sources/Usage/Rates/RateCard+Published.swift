import Wire

extension RateCard {
    /// CircleCI's list prices in credits a minute, for jobs that no usage export has settled yet.
    ///
    /// The list is at <https://circleci.com/product/features/resource-classes/>. Of it, Docker small, medium and large are
    /// confirmed by <https://circleci.com/docs/credits/> and by the support article 360060624931, Windows medium by
    /// <https://circleci.com/pricing/>; prices of other machines change, and a plan may have its own. Whoever knows
    /// better edits `rate-card.json`.
    public static let published = RateCard(
        source: "https://circleci.com/product/features/resource-classes/",
        published: Day(year: 2025, month: 1, day: 1) ?? Day(daysSinceEpoch: 0),
        defaultMachine: Machine(executor: "docker", resourceClass: "medium"),
        periods: [
            Period(
                from: Day(daysSinceEpoch: 0),
                thousandthsPerMinute: [
                    "docker": [
                        "small": 5000, "medium": 10_000, "medium+": 15_000, "large": 20_000, "xlarge": 40_000,
                        "2xlarge": 80_000, "2xlarge+": 100_000, "arm.medium": 13_000, "arm.large": 26_000,
                        "arm.xlarge": 52_000, "arm.2xlarge": 104_000,
                    ],
                    "machine": [
                        "medium": 10_000, "large": 20_000, "xlarge": 100_000, "2xlarge": 200_000, "2xlarge+": 400_000,
                        "arm.medium": 10_000, "arm.large": 20_000, "arm.xlarge": 100_000, "arm.2xlarge": 200_000,
                        "gpu.nvidia.small": 80_000, "gpu.nvidia.medium": 240_000, "gpu.nvidia.large": 1_000_000,
                    ],
                    "macos": [
                        "macos.m1.medium.gen1": 150_000, "macos.m1.large.gen1": 250_000, "m2pro.medium": 200_000,
                        "m2pro.large": 400_000, "m4pro.medium": 200_000, "m4pro.large": 400_000,
                    ],
                    "windows": ["medium": 40_000, "large": 120_000, "xlarge": 210_000, "2xlarge": 500_000],
                ]
            )
        ]
    )
}
